/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_HAMED_RAO_H
#define SEEP_ANALYZER_TREND_HAMED_RAO_H

#include <stddef.h>

#include "trend/mann_kendall.h"

enum { SEEP_HAMED_RAO_POINTS_MAX = 128 };

/* By how much the variance of Kendall's s grows when the values are correlated: n/n*.
 *
 * rho:     borrowed; correlation of the ranks at lags 1 .. lags.
 * n:       >= 3 values; lags < n.
 * Returns: >= 1: a series that swings back is not taken to know more than an independent
 *   one. Thread-safety: pure. Cost: O(lags).
 * Source: Hamed and Rao 1998, J. Hydrol. 204, 182-196, equation 11.
 */
double seep_hamed_rao_inflation(const double *rho, size_t lags, size_t n);

/* Correlation of the ranks of y at lags 1 .. lags. Ties share their mean rank. All equal:
 * all 0. n <= SEEP_HAMED_RAO_POINTS_MAX, lags < n. Thread-safety: pure. Cost: O(n lags +
 * n^2). */
void seep_rank_autocorrelation(const double *y, size_t n, size_t lags, double *rho);

/* Mann-Kendall's test for values that depend on their predecessors: the variance is
 * inflated by the correlation of the ranks of what a line leaves over.
 *
 * y:    borrowed; n finite values, evenly spaced.
 * out:  untouched on error.
 * Returns: 0; -EINVAL when n < 3 or n > SEEP_HAMED_RAO_POINTS_MAX. Thread-safety: pure.
 * Allocates: no. Cost: O(n^2).
 * Source: Hamed and Rao 1998; the lags are those up to the first that is not significant
 * (5 %): beyond it a detrended series correlates by its detrending (Geyer 1992, Stat.
 * Sci. 7(4), 473-483, on initial sequences).
 */
int seep_hamed_rao(const double *y, size_t n, struct seep_mann_kendall *out);

#endif
