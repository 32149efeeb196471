/* What a history keeps of one run: its summary and its findings, not its series.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_HISTORY_HISTORY_RUN_H
#define SEEP_ANALYZER_HISTORY_HISTORY_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict/findings.h"

struct seep_history_label {
    const char *name, *value;
};

struct seep_history_finding {
    const char *id; /* 12 hex digits */
    enum seep_kind kind;
    enum seep_verdict verdict;
    const char *cause, *subsystem, *headline, *summary; /* as in struct seep_finding */
    const char *place;                                  /* "hub.c:120"; "" unknown */
    uint64_t live, live_bytes, acquired, released;
    double growth_per_s, growth_bytes_per_s; /* NAN: not measured, with what follows */
    struct seep_view_range growth_per_s_ci, growth_bytes_per_s_ci; /* 95 % */
    double q_value, judged_s;
    const char *pattern, *unit; /* "per_operation", "http requests"; "" none */
    double growth_per_unit, growth_bytes_per_unit; /* NAN: not per unit */
    const char *limit;                             /* of the forecast; "" none */
    double time_to_limit_s;                        /* NAN: none */
};

/* All text is valid UTF-8 without control characters, never NULL. */
struct seep_history_run {
    const char *id;                               /* 16 hex digits: of host, pid, start */
    const char *program;                          /* base name of the executable */
    const char *command, *host, *commit, *branch; /* commit, branch "": not said */
    const char *seep_version, *mode, *ending, *outcome, *inconclusive;
    uint32_t pid;
    uint64_t started_ns, added_ns; /* since 1970 */
    double duration_s;
    uint64_t heap_live, heap_live_bytes, heap_peak_bytes, threads_live, threads_peak;
    uint64_t fds_live, fds_peak, lost_events;
    const struct seep_history_label *labels;
    size_t label_count;
    const struct seep_history_finding *findings; /* worst first */
    size_t finding_count;
};

/* Runs out of a database, the oldest first, and the owner of all that they point to. */
struct seep_history_runs {
    struct seep_history_run *runs;
    size_t count;
    struct seep_findings *memory; /* owned: an arena that cleans text */
};
void seep_history_runs_fini(struct seep_history_runs *runs);

enum { SEEP_HISTORY_ID_BYTES = 17 };
/* The identity of a run. id: out, SEEP_HISTORY_ID_BYTES. Thread-safety: pure. */
void seep_history_run_identify(const char *host, uint32_t pid, uint64_t started_ns,
                               char *id);

/* What the person who adds a run says of it. */
struct seep_history_origin {
    const char *commit, *branch, *seep_version; /* NULL: not said */
    uint64_t added_ns;
    const struct seep_history_label *labels; /* borrowed by the run */
    size_t label_count;
};

/* A judged recording as a run.
 * findings: borrowed by *out; new text is put into its memory.
 * Returns: 0; -ENOMEM. */
int seep_history_run_make(struct seep_findings *findings,
                          const struct seep_history_origin *origin,
                          struct seep_history_run *out);

#endif
