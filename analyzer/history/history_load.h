/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_HISTORY_LOAD_H
#define SEEP_ANALYZER_HISTORY_HISTORY_LOAD_H

#include "base/error.h"
#include "history/history_db.h"
#include "history/history_run.h"

/* Which runs; text that is NULL or "" excludes nothing. */
struct seep_history_filter {
    const char *branch, *program;
    const char *commit, *run;        /* their beginnings */
    const char *finding;             /* findings of this id alone are loaded */
    const char *not_run;             /* whole identity */
    struct seep_history_label label; /* name NULL: any */
    uint64_t since_ns;               /* started then or later */
    size_t limit;                    /* the newest so many; 0: all */
    bool without_findings, without_labels;
};

/* Loads runs, the oldest first.
 * out:     owned (seep_history_runs_fini); untouched on error.
 * Returns: 0, also when there are none; negative errno with *error set. */
int seep_history_load(struct seep_history_db *db,
                      const struct seep_history_filter *filter,
                      struct seep_history_runs *out, struct seep_error *error);

#endif
