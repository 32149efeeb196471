/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_GROWTH_H
#define SEEP_ANALYZER_TREND_GROWTH_H

#include <stddef.h>

enum {
    SEEP_GROWTH_BLOCKS = 12,    /* stretches of the lower envelope */
    SEEP_GROWTH_POINTS_MIN = 12 /* one per stretch */
};

/* What one series says about growth; which of it is evidence is the verdict's business.
 */
struct seep_growth {
    double mean;    /* of the window */
    double rise;    /* of the lower envelope, first stretch to last */
    double p_trend; /* Mann-Kendall by Hamed and Rao, one-sided: in the window or from
                       `start` on, twice the lesser (Bonferroni) */
    double p_steps; /* sign test on the steps of the window, one-sided */
    double
        p_walk; /* geometric mean of the walk tests in the window and from `start` on */
    double end_share;      /* see plateau.h */
    double p_decelerating; /* see plateau.h */
    double plateau_gain; /* see saturation.h: > 0 speaks for a level that is approached */
    double end_pace;     /* see saturation.h */
    double
        last_share; /* of the rise of block means, the part in the window's last quarter
                     */
    size_t ups, downs; /* steps of the window */
    size_t start; /* first value of the steady stretch that trends are tested on: 0, or
                     where the series' own warm-up ends, at most `warm` */
};

/* Measures the growth of a series.
 *
 * y:     borrowed; n finite values, evenly spaced but for thinning.
 * warm:  < n; where the window begins; the stretch before is used for the tests of trend
 *        where the series itself shows no change of pace in it.
 * out:   untouched on error. Where the lower envelope rises by less than `least`, the
 *        costly numbers are left at what they are without a trend: every p 1, gain 0.
 *
 * Returns: 0; -EINVAL when n - warm < SEEP_GROWTH_POINTS_MIN.
 * Thread-safety: pure. Allocates: no. Cost: O(n).
 */
int seep_growth_measure(const double *y, size_t n, size_t warm, double least,
                        struct seep_growth *out);

#endif
