/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ALERT_NOTE_H
#define SEEP_ANALYZER_ALERT_NOTE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert_state.h"
#include "base/buf.h"
#include "verdict/findings.h"

/* What receivers are told of one alert: all of its text, at one moment. Never changed
 * once made, and shared by the threads that send it. */
enum seep_alert_text {
    SEEP_NOTE_KEY = 0,       /* recording and finding: the same as long as it fires */
    SEEP_NOTE_ALERT = 1,     /* "SeepLeak", "SeepThreads", "SeepMore", "SeepTest" */
    SEEP_NOTE_RECORDING = 2, /* its name */
    SEEP_NOTE_FINDING = 3,   /* its id; "" none */
    SEEP_NOTE_KIND = 4,
    SEEP_NOTE_CAUSE = 5,
    SEEP_NOTE_VERDICT = 6,
    SEEP_NOTE_SEVERITY = 7, /* "critical" | "warning" | "info" */
    SEEP_NOTE_FUNCTION = 8,
    SEEP_NOTE_SUBSYSTEM = 9, /* "" none */
    SEEP_NOTE_PLACE = 10,    /* "hub.c:120"; "" unknown */
    SEEP_NOTE_HOST = 11,
    SEEP_NOTE_INSTANCE = 12, /* "host:pid" */
    SEEP_NOTE_SUMMARY = 13,  /* one sentence */
    SEEP_NOTE_DESCRIPTION = 14,
    SEEP_NOTE_FORECAST = 15, /* for people; "" none */
    SEEP_NOTE_REPORT = 16,   /* command that shows more */
    SEEP_NOTE_TEXTS = 17
};

struct seep_alert_note {
    char *text[SEEP_NOTE_TEXTS];      /* owned; valid UTF-8, never NULL */
    char *old_verdict, *old_severity; /* owned; before it rose; NULL: it did not */
    bool resolved;
    uint64_t made_realtime_ns;
    uint64_t rose_realtime_ns;                     /* with old_verdict */
    uint64_t starts_realtime_ns, ends_realtime_ns; /* 0: it still fires */
    uint64_t live, live_bytes;
    double growth_per_s, growth_bytes_per_s; /* NAN: not measured */
    double time_to_limit_s;                  /* NAN: none */
    uint32_t pid;
    unsigned more;
    atomic_uint references; /* any thread; its last decrement frees */
};

/* "SEEP_ALERT_FUNCTION" and the like: the text's name in an environment; in JSON the same
 * after "SEEP_ALERT_", in lower case. Pure. */
const char *seep_alert_note_name(enum seep_alert_text text);

/* A note on a finding that fires or rises.
 *
 * event:    of the state machine. finding: NULL for the alert on the folded ones.
 * started:  the note of this alert before; NULL: it fires now. Its texts that name the
 *           alert (up to SUBSYSTEM, but for verdict and severity) are kept, so that
 *           receivers know it again.
 * now_realtime_ns: since 1970.
 * Returns: 0, *note with one reference, owned (seep_alert_note_put); -ENOMEM.
 */
int seep_alert_note_new(const struct seep_alert_event *event,
                        const struct seep_findings *findings,
                        const struct seep_finding *finding,
                        const struct seep_alert_note *started, uint64_t now_realtime_ns,
                        struct seep_alert_note **note);
/* The same alert, resolved. */
int seep_alert_note_resolved(const struct seep_alert_note *last, uint64_t now_realtime_ns,
                             struct seep_alert_note **note);
/* A note that says that it is a test. */
int seep_alert_note_test(const char *host, uint64_t now_realtime_ns,
                         struct seep_alert_note **note);

/* One reference more; any thread. Returns: note. */
struct seep_alert_note *seep_alert_note_get(struct seep_alert_note *note);
/* One less; the last frees it. NULL is ignored; any thread. */
void seep_alert_note_put(struct seep_alert_note *note);

/* Appends the note as docs/alerts.md says, one JSON object. Returns: 0; -ENOMEM. */
int seep_alert_note_json(const struct seep_alert_note *note, struct seep_buf *out);

/* Appends what POST /api/v2/alerts takes: an array of n notes. One that rose brings its
 * former labels with it, ended, because Alertmanager knows alerts by their labels.
 *
 * until_realtime_ns: what fires is said to end then, unless it is sent again.
 * Returns: 0; -ENOMEM. */
int seep_alert_note_alertmanager(struct seep_alert_note *const *notes, size_t n,
                                 uint64_t until_realtime_ns, struct seep_buf *out);

/* Whether a finding is of threads that stand still, or runs into its limit within
 * `forecast_s` (0: never). Pure. */
bool seep_alert_note_is_urgent(const struct seep_finding *finding, double forecast_s);

#endif
