/* What the analysis has found: all that a renderer may show, nothing of how it was found.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_VERDICT_FINDINGS_H
#define SEEP_ANALYZER_VERDICT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seep/kinds.h"
#include "verdict/finding.h"
#include "verdict/profile_sites.h"

enum seep_outcome {
    SEEP_OUTCOME_CLEAN = 1,
    SEEP_OUTCOME_INCONCLUSIVE = 2,
    SEEP_OUTCOME_SUSPECT = 3,
    SEEP_OUTCOME_LEAK = 4
};

struct seep_view_totals {
    uint64_t heap_live, heap_live_bytes, heap_peak_bytes;
    double heap_live_error, heap_live_bytes_error; /* 95 %; 0: exact */
    double heap_peak_bytes_error;
    uint64_t threads_live, threads_peak, threads_unjoined;
    uint64_t fds_live, fds_peak; /* from /proc; 0, 0 unknown */
};

/* Timers, mappings, and descriptors as the shim recorded them; at the snapshots. */
struct seep_view_held {
    uint64_t live, peak;
    uint64_t live_bytes, peak_bytes; /* mappings */
};

/* The newest look at /proc/PID/fd. */
struct seep_view_descriptors {
    bool known;
    double at_s;
    uint64_t open, recorded, inherited;
    uint64_t unrecorded;           /* open, neither recorded nor inherited */
    uint64_t gone;                 /* recorded, not open any more */
    struct seep_view_targets past; /* of the unrecorded ones: what they are */
};

/* The heap at its highest, as far as it was seen. */
struct seep_view_holder {
    const char *headline, *subsystem; /* as of a finding */
    uint64_t live, live_bytes;
};
enum { SEEP_VIEW_HOLDERS_MAX = 3 };
struct seep_view_peak {
    double at_s;         /* since the start; 0: nobody looked */
    uint64_t seen_bytes; /* live then; totals.heap_peak_bytes may be a little more */
    struct seep_view_holder holders[SEEP_VIEW_HOLDERS_MAX]; /* most bytes first */
    size_t holder_count;
};

struct seep_view_events {
    uint64_t acquired, released;
};

struct seep_view_subsystem {
    const char *name; /* "" = none */
    uint64_t heap_live, heap_live_bytes, threads_live;
    double heap_growth_bytes_per_s; /* over the window; 0 when it is too short */
    double threads_growth_per_s;
    uint64_t held_live[SEEP_KIND_END]; /* of fd, timer, mapping */
    double held_growth_per_s[SEEP_KIND_END];
};

struct seep_view_child {
    uint32_t pid;
    const char *command, *file; /* file "" when none was kept */
    const char *ending;         /* "exited 0", "signalled 9 (SIGKILL)" ... */
    bool replaced;              /* by exec: another image went on under the same pid */
    double duration_s;
    uint64_t heap_acquired, heap_released, heap_live_bytes;
    enum seep_outcome outcome; /* 0: its recording was not read */
};

/* Findings that a file of rules took out of the list. */
struct seep_view_suppressed {
    bool asked; /* there was such a file */
    size_t rules, rules_used;
    const char *unused;     /* "lines 3, 7": rules that took nothing; "" all have */
    size_t findings, leaks; /* leaks: probable or definite; among findings */
    const char **expired;   /* rules that would have taken something, in words */
    size_t expired_count;
    bool *met; /* suppress.c's: by rule, took something; then, expired before it could */
};

/* The process over time, thinned to a few hundred points. Never told by /proc: all 0. */
struct seep_view_timeline {
    size_t count; /* of each; 0: no snapshot */
    double *t_s;  /* since the start, rising */
    double *heap_live_bytes, *rss_bytes, *threads, *fds;
};

struct seep_findings {
    size_t command_count;
    const char **command;
    const char *exe, *host;
    uint32_t pid;
    uint64_t started_realtime_ns;
    double duration_s;
    const char *ending_kind; /* "exited" | "signalled" | "running" | "lost" | "exec" */
    uint32_t ending_status, ending_signal; /* signal 0: none */
    const char *ending; /* for people: "exited 0", "signalled 9 (SIGKILL)" ... */

    const char *mode;      /* "full" | "sampled" */
    uint64_t sample_bytes; /* mean distance of samples; 0 in full mode */
    double interval_s;
    size_t snapshots;
    bool truncated;
    uint64_t truncated_at;
    struct seep_view_events events[SEEP_KIND_END];
    bool recorded[SEEP_KIND_END]; /* sites of this kind were seen */
    uint64_t lost[SEEP_LOSS_MAX];
    uint64_t lost_events; /* acquisitions that are in no count */
    double judged_from_s, judged_to_s;

    struct seep_view_totals totals;
    struct seep_view_peak peak;
    struct seep_view_timeline timeline;
    struct seep_view_held held[SEEP_KIND_END]; /* of fd, timer, mapping */
    struct seep_view_descriptors descriptors;
    struct seep_view_unwrapped unwrapped;   /* threads */
    struct seep_view_subsystem *subsystems; /* by live heap bytes, most first */
    size_t subsystem_count;
    struct seep_finding *findings; /* worst first */
    size_t finding_count;
    struct seep_view_suppressed suppressed;
    size_t left_at_exit_sites; /* heap sites with something live at a normal exit */
    uint64_t left_at_exit_bytes;
    struct seep_view_profile profile; /* empty unless asked for */
    enum seep_outcome outcome;
    const char *inconclusive; /* why growth could not be judged; "" when it could */
    const char *advice;       /* what to do about that; "" nothing */
    struct seep_view_child *children;
    size_t child_count;
    const char **notes; /* of the recording, and modules without symbols */
    size_t note_count;
    void *memory; /* owner of all of the above */
};

/* An empty result. Returns: 0; -ENOMEM. Free with seep_findings_free, which accepts NULL.
 */
int seep_findings_new(struct seep_findings **out);
void seep_findings_free(struct seep_findings *findings);

/* Zeroed memory that lives as long as the findings; NULL when memory is out (or n is 0).
 */
void *seep_findings_alloc(struct seep_findings *findings, size_t n, size_t item_bytes);
/* Copy of text of unknown origin: valid UTF-8, control characters and invalid bytes
 * replaced. NULL text gives "". Never NULL: "" when memory is out. */
const char *seep_findings_text(struct seep_findings *findings, const char *text);
/* printf into such memory, cut at 1,023 bytes; same cleaning. */
const char *seep_findings_printf(struct seep_findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Words of reports: "heap", "definite", "growth", "leak". */
const char *seep_kind_name(enum seep_kind kind);
const char *seep_verdict_name(enum seep_verdict verdict);
const char *seep_cause_name(enum seep_cause cause);
/* "steady", "per_operation", "steps", "saw_tooth", "container", "slow_release"; "". */
const char *seep_pattern_name(enum seep_pattern pattern);
const char *seep_outcome_name(enum seep_outcome outcome);
/* The reverse. Returns: SEEP_VERDICT_NONE / SEEP_KIND_NONE for an unknown word. */
enum seep_verdict seep_verdict_from_name(const char *name);
enum seep_kind seep_kind_from_name(const char *name);
/* Verdict of the worst finding; SEEP_VERDICT_NONE without findings. */
enum seep_verdict seep_findings_worst(const struct seep_findings *findings);

#endif
