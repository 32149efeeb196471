/* One finding over runs: since when, how fast, in which.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_HISTORY_TREND_SERIES_H
#define SEEP_ANALYZER_HISTORY_TREND_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "history/history_measure.h"
#include "history/history_run.h"

struct seep_trend_point {
    const struct seep_history_run *run;         /* borrowed */
    const struct seep_history_finding *finding; /* NULL: not found in this run */
    struct seep_measure growth;                 /* NAN where it was not found */
};

struct seep_trend {
    const char *id;                            /* borrowed, as all below */
    const struct seep_history_finding *newest; /* its newest appearance */
    enum seep_measure_basis basis;             /* of all points: shared by all */
    struct seep_trend_point *points; /* owned; runs of the programs that have it, oldest
                                        first */
    size_t count, found;             /* runs; with it */
    size_t first, last;              /* numbers of the points with it */
    double mean;                     /* of the growth where it was found; NAN unknown */
    double mean_low, mean_high;      /* 95 %; NAN with fewer than 2 values */
};

/* The trend of a finding over runs.
 * runs, id: borrowed, must outlive *out. out: owned (seep_trend_fini); untouched on
 * error. Returns: 0; -ENOENT no run has it; -ENOMEM. Cost: O(findings of all runs).
 * Source: of the mean, Student's interval. */
int seep_trend_make(const struct seep_history_runs *runs, const char *id,
                    struct seep_trend *out);
void seep_trend_fini(struct seep_trend *trend);

/* The trends of all findings of a kind (SEEP_KIND_NONE: of all kinds), suspect or worse
 * somewhere: those of the newest run first, worst first, `top` at most.
 * out:     owned array (seep_trends_free), of *count.
 * Returns: 0; -ENOMEM. */
int seep_trends_make(const struct seep_history_runs *runs, enum seep_kind kind,
                     size_t top, struct seep_trend **out, size_t *count);
void seep_trends_free(struct seep_trend *trends, size_t count);

/* How often runs with a value of a label have the finding. */
struct seep_trend_label {
    const char *name, *value;
    size_t runs, found;
};
/* out: owned (free), by name and value. Returns: 0; -ENOMEM. */
int seep_trend_labels(const struct seep_trend *trend, struct seep_trend_label **out,
                      size_t *count);

#endif
