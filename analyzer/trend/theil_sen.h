/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_THEIL_SEN_H
#define SEEP_ANALYZER_TREND_THEIL_SEN_H

#include <stddef.h>

/* A slope and the range in which it lies with 95 % confidence, in the series' unit U per
 * second; and, where slope_error.h has measured them, what a forecast must allow for. */
struct seep_slope {
    double u_per_s;       /* median of all pairwise slopes */
    double low_u_per_s;   /* <= u_per_s */
    double high_u_per_s;  /* >= u_per_s */
    double error_u_per_s; /* standard error; 0: not measured */
    double freedom;       /* its degrees of freedom; 0: not measured */
    double level_u;       /* standard error of where the line stands at its end */
    double walk_u2_per_s; /* variance that the series itself adds to the line per second
                             ahead */
};

enum { SEEP_THEIL_SEN_POINTS_MAX = 400 };

/* Doubles of scratch that n points need. */
static inline size_t seep_theil_sen_scratch(size_t n)
{
    return n * (n - 1) / 2;
}

/* Median of all pairwise slopes of y over t: a trend that one burst cannot tilt. The
 * interval takes the points as independent: seep_slope_error makes the one that holds for
 * series that remember.
 *
 * t_s:      borrowed; n times in seconds, strictly rising.
 * y:        borrowed; n finite values, any unit U.
 * scratch:  borrowed; seep_theil_sen_scratch(n) doubles; contents are lost.
 * out:      U per second, error and what follows it 0; untouched on error.
 *
 * Returns: 0; -EINVAL when n < 2, n > SEEP_THEIL_SEN_POINTS_MAX or t_s does not rise.
 * Thread-safety: pure. Allocates: no. Cost: O(n^2).
 * Source: Sen 1968, J. Am. Stat. Assoc. 63(324), 1379-1389; the interval by Kendall's
 * variance as in Gilbert 1987, Statistical Methods for Environmental Pollution
 * Monitoring, section 16.5.2.
 */
int seep_theil_sen(const double *t_s, const double *y, size_t n, double *scratch,
                   struct seep_slope *out);

#endif
