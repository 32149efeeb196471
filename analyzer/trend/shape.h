/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_SHAPE_H
#define SEEP_ANALYZER_TREND_SHAPE_H

#include <stddef.h>

#include "trend/pace.h"

/* How a series grows, once it is known that it does. */
enum seep_shape {
    SEEP_SHAPE_NONE = 0,          /* too little data */
    SEEP_SHAPE_STEADY = 1,        /* with the clock, as far as can be told */
    SEEP_SHAPE_PER_OPERATION = 2, /* with the work done */
    SEEP_SHAPE_STEPS = 3,         /* few abrupt steps, flat between */
    SEEP_SHAPE_SAW_TOOTH = 4,     /* comes down again and again, never quite as far */
    SEEP_SHAPE_CONTAINER = 5,     /* few blocks, ever larger */
    SEEP_SHAPE_SLOW_RELEASE = 6   /* all is released, later and later */
};

/* One site (or a sum of several) in the window. All arrays borrowed. */
struct seep_shape_series {
    size_t n;
    const double *t_s;                 /* strictly rising */
    const double *live, *live_bytes;   /* >= 0 */
    const double *acquired, *released; /* resources, cumulative */
    const double *operations;          /* cumulative; NULL: no unit of work is known */
    size_t scans;                      /* of the live table, in the window; 0: none */
    const double *scan_t_s;            /* strictly rising */
    const double *oldest_age_s;        /* what is alive; 0: nothing is */
};

enum { SEEP_SHAPE_STEPS_MAX = 16, SEEP_SHAPE_POINTS_MIN = 12 };

struct seep_shape_found {
    enum seep_shape shape;
    struct seep_pace pace; /* of all shapes, where operations are given */
    size_t steps;          /* STEPS: how many */
    double step;           /* median, in resources (bytes where the count is flat) */
    size_t step_from[SEEP_SHAPE_STEPS_MAX];  /* index before each of the largest */
    size_t step_to[SEEP_SHAPE_STEPS_MAX];    /* and after it; both rising */
    size_t teeth;                            /* SAW_TOOTH: falls */
    double floor_from, floor_to;             /* SAW_TOOTH: first trough and last */
    double block_from_bytes, block_to_bytes; /* CONTAINER: mean size of a block */
    double age_from_s, age_to_s;             /* SLOW_RELEASE: of the oldest */
};

/* Names the shape of a series that grows. The rules, in this order, with their
 * thresholds: "Patterns and units of work" in docs/statistics.md.
 *
 * Returns: shape NONE for fewer than SEEP_SHAPE_POINTS_MIN points.
 * Thread-safety: pure. Allocates: no. Cost: O(n).
 */
struct seep_shape_found seep_shape_of(const struct seep_shape_series *series);

#endif
