/* What receivers are told of an alert.
 *
 * A note is made by the thread that judges, whose findings are gone before a receiver has
 * answered, and is read by the threads that send. So it owns all of its text, never
 * changes, and counts its references.
 *
 * Alertmanager knows an alert by its labels. So these are fixed when the alert fires:
 * figures and forecasts are annotations, and a verdict that rises, which people route by
 * and which therefore is a label, ends the alert with the former one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "alert/alert_note.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fmt.h"
#include "verdict/summary_text.h"

enum { LINE_BYTES = 1024, TIME_BYTES = 48 };

static const char *const names[SEEP_NOTE_TEXTS] = {
    "SEEP_ALERT_KEY",       "SEEP_ALERT_NAME",     "SEEP_ALERT_RECORDING",
    "SEEP_ALERT_FINDING",   "SEEP_ALERT_KIND",     "SEEP_ALERT_CAUSE",
    "SEEP_ALERT_VERDICT",   "SEEP_ALERT_SEVERITY", "SEEP_ALERT_FUNCTION",
    "SEEP_ALERT_SUBSYSTEM", "SEEP_ALERT_PLACE",    "SEEP_ALERT_HOST",
    "SEEP_ALERT_INSTANCE",  "SEEP_ALERT_SUMMARY",  "SEEP_ALERT_DESCRIPTION",
    "SEEP_ALERT_FORECAST",  "SEEP_ALERT_REPORT",
};
static const char *const keys[SEEP_NOTE_TEXTS] = {
    "key",      "name",     "recording",   "finding",   "kind",   "cause",
    "verdict",  "severity", "function",    "subsystem", "place",  "host",
    "instance", "summary",  "description", "forecast",  "report",
};

const char *seep_alert_note_name(enum seep_alert_text text)
{
    return names[text];
}

static bool stands_still(const struct seep_finding *finding)
{
    return finding->cause == SEEP_CAUSE_STUCK ||
           finding->cause == SEEP_CAUSE_UNREACHABLE ||
           finding->cause == SEEP_CAUSE_LOCK_CYCLE;
}

static bool has_limit(const struct seep_finding *finding)
{
    return finding->forecast.limit != NULL && isfinite(finding->forecast.time_to_limit_s);
}

bool seep_alert_note_is_urgent(const struct seep_finding *finding, double forecast_s)
{
    return stands_still(finding) || (forecast_s > 0 && has_limit(finding) &&
                                     finding->forecast.time_to_limit_s <= forecast_s);
}

static const char *severity_of(struct seep_alert_level level)
{
    if (level.urgent || level.verdict == SEEP_VERDICT_DEFINITE) {
        return "critical";
    }
    return level.verdict == SEEP_VERDICT_PROBABLE ? "warning" : "info";
}

/* Makes text valid UTF-8 without control characters but line breaks. Findings are; a
 * recording's name is what somebody called a file. */
static void clean(char *text)
{
    json_t *probe = json_string(text);

    for (char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;

        if ((byte < ' ' && byte != '\n') || byte == 0x7f ||
            (probe == NULL && byte > 0x7f)) {
            *at = '?';
        }
    }
    json_decref(probe);
}

static void set(struct seep_alert_note *note, enum seep_alert_text at, const char *text)
{
    free(note->text[at]);
    note->text[at] = strdup(text != NULL ? text : "");
    if (note->text[at] != NULL) {
        clean(note->text[at]);
    }
}

/* The command that shows more; people paste it, so that a name is quoted unless it is
 * harmless. */
static void set_report(struct seep_alert_note *note, const char *recording)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789._-+=:,@/~";
    struct seep_buf text = {0};

    seep_buf_printf(&text, "seep report ");
    if (recording[0] == '-') {
        seep_buf_printf(&text, "./");
    }
    if (recording[strspn(recording, harmless)] == '\0') {
        seep_buf_printf(&text, "%s", recording);
    } else {
        seep_buf_put(&text, "'", 1);
        for (const char *at = recording; *at != '\0'; at++) {
            seep_buf_printf(&text, *at == '\'' ? "'\\''" : "%c", *at);
        }
        seep_buf_put(&text, "'", 1);
    }
    seep_buf_put(&text, "", 1);
    set(note, SEEP_NOTE_REPORT, text.failed ? "" : (const char *)text.data);
    seep_buf_fini(&text);
}

/* As reports have it; where they have none, the program's innermost: "hub.c:120". */
static void set_place(struct seep_alert_note *note, const struct seep_finding *finding)
{
    const struct seep_view_frame *best = NULL;
    char text[LINE_BYTES] = "";

    seep_summary_place_put(finding, text, sizeof(text));
    for (size_t i = 0; text[0] == '\0' && i < finding->stack_count; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];

        if (frame->file[0] != '\0' && (best == NULL || frame->role > best->role)) {
            best = frame;
        }
    }
    if (best != NULL) {
        const char *slash = strrchr(best->file, '/');

        (void)snprintf(text, sizeof(text), "%s:%" PRIu32,
                       slash != NULL ? slash + 1 : best->file, best->line);
    }
    set(note, SEEP_NOTE_PLACE, text);
}

static void set_forecast(struct seep_alert_note *note, const struct seep_finding *finding)
{
    const struct seep_view_forecast *forecast = &finding->forecast;
    char text[LINE_BYTES] = "";
    char until[SEEP_FMT_MAX];
    char low[SEEP_FMT_MAX];
    char high[SEEP_FMT_MAX] = "never";

    note->time_to_limit_s = has_limit(finding) ? forecast->time_to_limit_s : (double)NAN;
    if (has_limit(finding)) {
        if (isfinite(forecast->ci_s.high)) {
            (void)seep_fmt_seconds(high, sizeof(high), forecast->ci_s.high);
        }
        (void)snprintf(text, sizeof(text), "%s limit in %s (95 %%: %s to %s)",
                       forecast->limit,
                       seep_fmt_seconds(until, sizeof(until), forecast->time_to_limit_s),
                       seep_fmt_seconds(low, sizeof(low), forecast->ci_s.low), high);
    }
    set(note, SEEP_NOTE_FORECAST, text);
}

static void set_description(struct seep_alert_note *note,
                            const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    struct seep_buf text = {0};
    char count[SEEP_FMT_MAX];
    char bytes[SEEP_FMT_MAX];

    seep_buf_printf(&text, "%s of %s: %s live", note->text[SEEP_NOTE_CAUSE],
                    note->text[SEEP_NOTE_KIND],
                    seep_fmt_count(count, sizeof(count), evidence->live));
    if (evidence->live_bytes > 0) {
        seep_buf_printf(
            &text, ", %s",
            seep_fmt_bytes(bytes, sizeof(bytes), (double)evidence->live_bytes));
    }
    if (evidence->measured) {
        seep_buf_printf(&text, "; growing by %.3g per second", evidence->growth_per_s);
        if (evidence->growth_bytes_per_s > 0) {
            seep_buf_printf(
                &text, ", %s per second",
                seep_fmt_bytes(bytes, sizeof(bytes), evidence->growth_bytes_per_s));
        }
    }
    seep_buf_printf(&text, ".");
    for (size_t i = 0; i < finding->stack_count && i < 8; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];

        seep_buf_printf(&text, "\n#%zu %s", i, frame->function);
        if (frame->file[0] != '\0') {
            seep_buf_printf(&text, " (%s:%" PRIu32 ")", frame->file, frame->line);
        } else {
            seep_buf_printf(&text, " (%s)", frame->module);
        }
    }
    seep_buf_put(&text, "", 1);
    set(note, SEEP_NOTE_DESCRIPTION, text.failed ? "" : (const char *)text.data);
    seep_buf_fini(&text);
}

static void set_finding(struct seep_alert_note *note, const struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;

    set(note, SEEP_NOTE_ALERT, stands_still(finding) ? "SeepThreads" : "SeepLeak");
    set(note, SEEP_NOTE_FINDING, finding->id);
    set(note, SEEP_NOTE_KIND, seep_kind_name(finding->kind));
    set(note, SEEP_NOTE_CAUSE, seep_cause_name(finding->cause));
    set(note, SEEP_NOTE_FUNCTION, finding->headline);
    set(note, SEEP_NOTE_SUBSYSTEM, finding->subsystem);
    set(note, SEEP_NOTE_SUMMARY, finding->summary);
    set_place(note, finding);
    set_forecast(note, finding);
    set_description(note, finding);
    note->live = evidence->live;
    note->live_bytes = evidence->live_bytes;
    if (evidence->measured) {
        note->growth_per_s = evidence->growth_per_s;
        note->growth_bytes_per_s = evidence->growth_bytes_per_s;
    }
}

static void set_more(struct seep_alert_note *note, unsigned more)
{
    char text[LINE_BYTES];

    note->more = more;
    (void)snprintf(text, sizeof(text),
                   "and %u more %s in %s, more at once than are sent one by one", more,
                   more == 1 ? "finding" : "findings", note->text[SEEP_NOTE_RECORDING]);
    set(note, SEEP_NOTE_ALERT, "SeepMore");
    set(note, SEEP_NOTE_SUMMARY, text);
    set(note, SEEP_NOTE_DESCRIPTION,
        "They were judged like the others; the report lists them all.");
}

/* A note without text: everything is "" until it is set. */
static struct seep_alert_note *blank(void)
{
    struct seep_alert_note *note = calloc(1, sizeof(*note));

    if (note != NULL) {
        atomic_init(&note->references, 1);
        note->growth_per_s = note->growth_bytes_per_s = note->time_to_limit_s =
            (double)NAN;
        for (int i = 0; i < SEEP_NOTE_TEXTS; i++) {
            set(note, (enum seep_alert_text)i, "");
        }
    }
    return note;
}

/* Gives a note away, unless a text is missing. */
static int finish(struct seep_alert_note *made, struct seep_alert_note **note)
{
    for (int i = 0; made != NULL && i < SEEP_NOTE_TEXTS; i++) {
        if (made->text[i] == NULL) {
            seep_alert_note_put(made);
            made = NULL;
        }
    }
    if (made == NULL) {
        return -ENOMEM;
    }
    *note = made;
    return 0;
}

/* The texts that tell one alert from another. */
static void set_identity(struct seep_alert_note *note,
                         const struct seep_alert_event *event,
                         const struct seep_findings *findings)
{
    char text[LINE_BYTES];

    set(note, SEEP_NOTE_RECORDING, event->recording);
    (void)snprintf(text, sizeof(text), "%s/%s", event->recording,
                   event->id[0] != '\0' ? event->id : "more");
    set(note, SEEP_NOTE_KEY, text);
    set(note, SEEP_NOTE_HOST, findings->host);
    (void)snprintf(text, sizeof(text), "%s:%" PRIu32,
                   findings->host != NULL ? findings->host : "", findings->pid);
    set(note, SEEP_NOTE_INSTANCE, text);
    set_report(note, event->recording);
    note->pid = findings->pid;
}

int seep_alert_note_new(const struct seep_alert_event *event,
                        const struct seep_findings *findings,
                        const struct seep_finding *finding,
                        const struct seep_alert_note *started, uint64_t now_realtime_ns,
                        struct seep_alert_note **note)
{
    struct seep_alert_note *made = blank();

    if (made == NULL) {
        return -ENOMEM;
    }
    made->made_realtime_ns = now_realtime_ns;
    made->starts_realtime_ns =
        started != NULL ? started->starts_realtime_ns : now_realtime_ns;
    set_identity(made, event, findings);
    if (finding != NULL) {
        set_finding(made, finding);
    } else {
        set_more(made, event->more);
    }
    for (int i = 0; started != NULL && i <= SEEP_NOTE_SUBSYSTEM; i++) {
        set(made, (enum seep_alert_text)i, started->text[i]);
    }
    set(made, SEEP_NOTE_VERDICT,
        finding != NULL ? seep_verdict_name(event->level.verdict) : "");
    set(made, SEEP_NOTE_SEVERITY,
        finding != NULL ? severity_of(event->level) : "warning");
    if (event->was.verdict != SEEP_VERDICT_NONE) {
        made->old_verdict = strdup(seep_verdict_name(event->was.verdict));
        made->old_severity = strdup(severity_of(event->was));
        made->rose_realtime_ns = now_realtime_ns;
        if (made->old_verdict == NULL || made->old_severity == NULL) {
            seep_alert_note_put(made);
            return -ENOMEM;
        }
    }
    return finish(made, note);
}

int seep_alert_note_resolved(const struct seep_alert_note *last, uint64_t now_realtime_ns,
                             struct seep_alert_note **note)
{
    struct seep_alert_note *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return -ENOMEM;
    }
    atomic_init(&made->references, 1); /* not *made = *last: others count on that one */
    made->resolved = true;
    made->made_realtime_ns = now_realtime_ns;
    made->starts_realtime_ns = last->starts_realtime_ns;
    made->ends_realtime_ns = now_realtime_ns;
    made->live = last->live;
    made->live_bytes = last->live_bytes;
    made->growth_per_s = last->growth_per_s;
    made->growth_bytes_per_s = last->growth_bytes_per_s;
    made->time_to_limit_s = last->time_to_limit_s;
    made->pid = last->pid;
    made->more = last->more;
    for (int i = 0; i < SEEP_NOTE_TEXTS; i++) {
        made->text[i] = strdup(last->text[i]);
    }
    return finish(made, note);
}

int seep_alert_note_test(const char *host, uint64_t now_realtime_ns,
                         struct seep_alert_note **note)
{
    struct seep_alert_note *made = blank();

    if (made == NULL) {
        return -ENOMEM;
    }
    made->made_realtime_ns = made->starts_realtime_ns = now_realtime_ns;
    set(made, SEEP_NOTE_KEY, "test");
    set(made, SEEP_NOTE_ALERT, "SeepTest");
    set(made, SEEP_NOTE_SEVERITY, "info");
    set(made, SEEP_NOTE_HOST, host);
    set(made, SEEP_NOTE_INSTANCE, host);
    set(made, SEEP_NOTE_SUMMARY, "a test of Seep's alerts: nothing is wrong");
    set(made, SEEP_NOTE_DESCRIPTION,
        "Sent by seep serve --alert-test. It ends by itself within a minute.");
    set(made, SEEP_NOTE_REPORT, "seep help serve");
    return finish(made, note);
}

struct seep_alert_note *seep_alert_note_get(struct seep_alert_note *note)
{
    (void)atomic_fetch_add_explicit(&note->references, 1, memory_order_relaxed);
    return note;
}

void seep_alert_note_put(struct seep_alert_note *note)
{
    /* Release: what this thread read is over. Acquire, of the last: before it frees. */
    if (note == NULL ||
        atomic_fetch_sub_explicit(&note->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (int i = 0; i < SEEP_NOTE_TEXTS; i++) {
        free(note->text[i]);
    }
    free(note->old_verdict);
    free(note->old_severity);
    free(note);
}

/* RFC 3339 in UTC, with milliseconds. */
static json_t *time_json(uint64_t realtime_ns)
{
    char text[TIME_BYTES] = "";
    char whole[TIME_BYTES] = "";
    time_t seconds = (time_t)(realtime_ns / 1000000000);
    struct tm utc;

    if (realtime_ns == 0) {
        return json_null();
    }
    if (gmtime_r(&seconds, &utc) != NULL) {
        (void)strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &utc);
        (void)snprintf(text, sizeof(text), "%.24s.%03uZ", whole,
                       (unsigned)(realtime_ns / 1000000 % 1000));
    }
    return json_string(text);
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Appends and gives up the object. */
static int dump(json_t *object, struct seep_buf *out)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

    json_decref(object);
    if (text == NULL) {
        return -ENOMEM;
    }
    seep_buf_put(out, text, strlen(text));
    free(text);
    return out->failed ? -ENOMEM : 0;
}

int seep_alert_note_json(const struct seep_alert_note *note, struct seep_buf *out)
{
    json_t *object = json_pack("{s:i, s:s}", "seep_alert", 1, "status",
                               note->resolved ? "resolved" : "firing");

    for (int i = 0; i < SEEP_NOTE_TEXTS; i++) {
        (void)json_object_set_new(object, keys[i], json_string(note->text[i]));
    }
    (void)json_object_set_new(object, "was",
                              note->old_verdict != NULL ? json_string(note->old_verdict)
                                                        : json_null());
    (void)json_object_set_new(object, "pid", json_integer(note->pid));
    (void)json_object_set_new(object, "more", json_integer(note->more));
    (void)json_object_set_new(object, "live", json_integer((json_int_t)note->live));
    (void)json_object_set_new(object, "live_bytes",
                              json_integer((json_int_t)note->live_bytes));
    (void)json_object_set_new(object, "growth_per_s", number(note->growth_per_s));
    (void)json_object_set_new(object, "growth_bytes_per_s",
                              number(note->growth_bytes_per_s));
    (void)json_object_set_new(object, "time_to_limit_s", number(note->time_to_limit_s));
    (void)json_object_set_new(object, "starts_at", time_json(note->starts_realtime_ns));
    (void)json_object_set_new(object, "ends_at", time_json(note->ends_realtime_ns));
    return dump(object, out);
}

static void put_text(json_t *object, const char *name, const char *text)
{
    if (text[0] != '\0') { /* an empty label is none */
        (void)json_object_set_new(object, name, json_string(text));
    }
}

static json_t *labels(const struct seep_alert_note *note, const char *verdict,
                      const char *severity)
{
    static const enum seep_alert_text named[] = {
        SEEP_NOTE_FINDING,   SEEP_NOTE_KIND,      SEEP_NOTE_CAUSE, SEEP_NOTE_FUNCTION,
        SEEP_NOTE_SUBSYSTEM, SEEP_NOTE_RECORDING, SEEP_NOTE_HOST,  SEEP_NOTE_INSTANCE};
    json_t *object = json_object();

    put_text(object, "alertname", note->text[SEEP_NOTE_ALERT]);
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        put_text(object, keys[named[i]], note->text[named[i]]);
    }
    put_text(object, "verdict", verdict);
    put_text(object, "severity", severity);
    return object;
}

static json_t *annotations(const struct seep_alert_note *note)
{
    static const enum seep_alert_text named[] = {SEEP_NOTE_SUMMARY, SEEP_NOTE_DESCRIPTION,
                                                 SEEP_NOTE_PLACE, SEEP_NOTE_FORECAST,
                                                 SEEP_NOTE_REPORT};
    json_t *object = json_object();

    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        put_text(object, keys[named[i]], note->text[named[i]]);
    }
    return object;
}

int seep_alert_note_alertmanager(struct seep_alert_note *const *notes, size_t n,
                                 uint64_t until_realtime_ns, struct seep_buf *out)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        const struct seep_alert_note *note = notes[i];
        uint64_t ends = note->resolved ? note->ends_realtime_ns : until_realtime_ns;

        if (note->old_verdict != NULL) {
            (void)json_array_append_new(
                array, json_pack("{s:o, s:o, s:o, s:o}", "labels",
                                 labels(note, note->old_verdict, note->old_severity),
                                 "annotations", annotations(note), "startsAt",
                                 time_json(note->starts_realtime_ns), "endsAt",
                                 time_json(note->rose_realtime_ns)));
        }
        (void)json_array_append_new(
            array,
            json_pack("{s:o, s:o, s:o, s:o}", "labels",
                      labels(note, note->text[SEEP_NOTE_VERDICT],
                             note->text[SEEP_NOTE_SEVERITY]),
                      "annotations", annotations(note), "startsAt",
                      time_json(note->starts_realtime_ns), "endsAt", time_json(ends)));
    }
    return dump(array, out);
}
