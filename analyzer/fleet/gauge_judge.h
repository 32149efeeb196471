/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_GAUGE_JUDGE_H
#define SEEP_ANALYZER_FLEET_GAUGE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "trend/theil_sen.h"
#include "verdict/growth_verdict.h"

enum {
    SEEP_GAUGE_POINTS_MIN = 20, /* as many as snapshots for `seep report` */
    SEEP_GAUGE_SLOPE_POINTS = 64
};

/* One life of one series. */
struct seep_gauge {
    enum seep_kind kind;
    bool of_bytes;        /* else a count */
    bool born;            /* the process began with its first point */
    const double *t_s;    /* borrowed; rising */
    const double *values; /* borrowed; n finite values >= 0 */
    size_t n;             /* >= SEEP_GAUGE_POINTS_MIN */
};

/* All evidence that a gauge alone can give, by the measures of `seep report`. What it
 * cannot show (ages, what came and went between two samples) is left unknown, which
 * seep_growth_verdict allows for: probable is the worst that a gauge can be.
 *
 * out:     its q_value is left 0.
 * Returns: whether the series changes enough to be tested. Thread-safety: pure.
 * Cost: O(n). */
bool seep_gauge_measure(const struct seep_gauge *gauge, struct seep_growth_case *out);

/* The pace after warm-up: Theil and Sen, over at most SEEP_GAUGE_SLOPE_POINTS points. All
 * zero when it has none. */
struct seep_slope seep_gauge_slope(const struct seep_gauge *gauge);

#endif
