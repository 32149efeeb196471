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

/* Worst last, so that `a >= b` means at least as bad. */
enum seep_verdict {
    SEEP_VERDICT_NONE = 0,
    SEEP_VERDICT_BOUNDED = 1,
    SEEP_VERDICT_SUSPECT = 2,
    SEEP_VERDICT_PROBABLE = 3,
    SEEP_VERDICT_DEFINITE = 4
};

enum seep_cause {
    SEEP_CAUSE_GROWTH = 1,
    SEEP_CAUSE_UNJOINED = 2,
    SEEP_CAUSE_LEFT_AT_EXIT = 3
};

enum seep_outcome {
    SEEP_OUTCOME_CLEAN = 1,
    SEEP_OUTCOME_INCONCLUSIVE = 2,
    SEEP_OUTCOME_SUSPECT = 3,
    SEEP_OUTCOME_LEAK = 4
};

enum seep_frame_role {
    SEEP_ROLE_RUNTIME = 1, /* the C and C++ runtimes, the loader */
    SEEP_ROLE_LIBRARY = 2, /* a shared library of the system */
    SEEP_ROLE_PROGRAM = 3  /* the program's own code */
};

struct seep_view_frame {
    const char *function; /* "??" unknown */
    const char *file;     /* "" unknown */
    const char *module;   /* base name */
    const char *build_id; /* hex, "" none */
    uint64_t offset;      /* in the module */
    uint32_t line;        /* 0 unknown */
    bool inlined;
    enum seep_frame_role role;
};

struct seep_view_thread {
    uint32_t tid;
    const char *name;
    const char *state; /* "running" | "blocked" | "ended" */
    const char *wait;  /* "" unknown */
    double blocked_s;  /* without CPU time or a context switch; 0 when not blocked */
    const char *start; /* start routine, "??" unknown */
};

struct seep_view_range {
    double low, high; /* high may be INFINITY */
};

struct seep_view_evidence {
    uint64_t live,
        live_bytes; /* at the end of what was judged; for left_at_exit: at the end */
    uint64_t acquired, released;
    bool measured; /* the growth fields below are filled */
    double growth_per_s, growth_bytes_per_s;
    struct seep_view_range growth_per_s_ci, growth_bytes_per_s_ci; /* 95 % */
    double q_value;   /* false discovery rate */
    double end_share; /* of the growth, in the last half of the window */
    double judged_s;  /* length of the window */
    bool ages_known;  /* the two fields below are filled */
    double oldest_age_s;
    size_t generations_alive;
};

struct seep_view_forecast {
    const char
        *limit; /* "rss" (cgroup) | "address_space" | "threads"; NULL: no limit known */
    double limit_value; /* bytes; threads for "threads" */
    double time_to_limit_s;
    struct seep_view_range ci_s;
};

struct seep_finding {
    char id[13]; /* 12 hex digits: of kind, functions and modules */
    enum seep_kind kind;
    enum seep_verdict verdict;
    enum seep_cause cause;
    const char *subsystem; /* "" none */
    const char *summary;   /* one sentence, without a line break */
    const char *headline;  /* function that answers for it */
    struct seep_view_evidence evidence;
    struct seep_view_forecast forecast;
    struct seep_view_frame *stack; /* innermost first */
    size_t stack_count;
    const char *stack_end;            /* why the stack is not whole; "" when it is */
    struct seep_view_thread *threads; /* a sample, oldest first */
    size_t thread_count;
    size_t thread_total; /* of which `threads` is a sample */
    double *series;      /* live, thinned over the whole run */
    size_t series_count;
    double series_from_s, series_to_s;
};

struct seep_view_totals {
    uint64_t heap_live, heap_live_bytes, heap_peak_bytes;
    uint64_t threads_live, threads_peak, threads_unjoined;
    uint64_t fds_live, fds_peak; /* from /proc; 0, 0 unknown */
};

struct seep_view_events {
    uint64_t acquired, released;
};

struct seep_view_subsystem {
    const char *name; /* "" = none */
    uint64_t heap_live, heap_live_bytes, threads_live;
    double heap_growth_bytes_per_s; /* over the window; 0 when it is too short */
    double threads_growth_per_s;
};

struct seep_view_child {
    uint32_t pid;
    const char *command, *file; /* file "" when none was kept */
    const char *ending;         /* "exited 0", "signalled 9 (SIGKILL)" ... */
    double duration_s;
    uint64_t heap_acquired, heap_released, heap_live_bytes;
    enum seep_outcome outcome; /* 0: its recording was not read */
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

    const char *mode; /* "full" | "sampled" */
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
    struct seep_view_subsystem *subsystems; /* by live heap bytes, most first */
    size_t subsystem_count;
    struct seep_finding *findings; /* worst first */
    size_t finding_count;
    size_t left_at_exit_sites; /* heap sites with something live at a normal exit */
    uint64_t left_at_exit_bytes;
    enum seep_outcome outcome;
    const char *inconclusive; /* why growth could not be judged; "" when it could */
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
const char *seep_outcome_name(enum seep_outcome outcome);
/* The reverse. Returns: SEEP_VERDICT_NONE / SEEP_KIND_NONE for an unknown word. */
enum seep_verdict seep_verdict_from_name(const char *name);
enum seep_kind seep_kind_from_name(const char *name);
/* Verdict of the worst finding; SEEP_VERDICT_NONE without findings. */
enum seep_verdict seep_findings_worst(const struct seep_findings *findings);

#endif
