/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_SLOPE_ERROR_H
#define SEEP_ANALYZER_TREND_SLOPE_ERROR_H

#include <stddef.h>

#include "trend/theil_sen.h"

/* How far a slope may be off on a series that remembers its past: fills in the error,
 * level and walk of a slope, and its 95 % range from them. By what the series is:
 * - one that never falls is a sum of arrivals: its error is that of the mean of what came
 *   from one arrival to the next, of many in 16 stretches, and the way ahead adds to it
 * as the past did;
 * - any other is noise about a line: block means of it, as an autoregression of the first
 *   order, whose coefficient is corrected for its bias, and a walk below it where blocks
 *   far apart differ more than neighbours do.
 *
 * t_s, y: borrowed; n times, rising, and finite values.
 * slope:  of these values; low and high keep within them u_per_s.
 * Returns: 0; -EINVAL when n < 12 (slope untouched). Thread-safety: pure. Allocates: no.
 * Cost: O(n).
 * Source: renewal-reward processes: Cox 1962, Renewal Theory; variance of a least-squares
 * slope with correlated errors, and of its residuals: e.g. Bence 1995, Ecology 76(2),
 * 628-639; bias of the coefficient about a line: Kendall 1954, Marriott and Pope 1954,
 * Biometrika 41, as extended to a trend by Tjostheim and Paulsen 1983, Biometrika 70(2),
 * 389-399; a median of all slopes varies by at most 6/5 of the mean of the increments of
 * a walk.
 */
int seep_slope_error(const double *t_s, const double *y, size_t n,
                     struct seep_slope *slope);

#endif
