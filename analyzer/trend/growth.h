/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_GROWTH_H
#define SEEP_ANALYZER_TREND_GROWTH_H

#include <stdbool.h>
#include <stddef.h>

enum {
    SEEP_GROWTH_BLOCKS = 12, /* stretches of the lower envelope */
    SEEP_GROWTH_COARSE_BLOCKS =
        5, /* stretches that must all rise where resources also come and go */
    SEEP_GROWTH_POINTS_MIN = 12 /* one per stretch */
};

/* What one series says about growth; which of it is evidence is the verdict's business.
 */
struct seep_growth {
    double rise;           /* of the lower envelope, first stretch to last */
    double p_trend;        /* Mann-Kendall on the lower envelope, one-sided */
    double p_steps;        /* sign test on the steps of the series, one-sided */
    double drift_z;        /* of the lower envelope, see sign_test.h */
    double end_share;      /* see plateau.h */
    double p_decelerating; /* see plateau.h */
    size_t ups, downs;     /* steps of the series */
    bool coarse_rising;    /* the minima of five stretches rise strictly */
};

/* Measures the growth of a series that was cut to its window.
 *
 * y:    borrowed; n finite values, evenly spaced but for thinning.
 * out:  untouched on error.
 *
 * Returns: 0; -EINVAL when n < SEEP_GROWTH_POINTS_MIN.
 * Thread-safety: pure. Allocates: no. Cost: O(n).
 */
int seep_growth_measure(const double *y, size_t n, struct seep_growth *out);

#endif
