/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_ENVELOPE_H
#define SEEP_ANALYZER_TREND_ENVELOPE_H

#include <stddef.h>

/* The lower envelope of a series: the smallest value in each of `blocks` stretches of
 * equal length. A saw-tooth whose teeth are shorter than a stretch becomes flat; a leak
 * stays a slope.
 *
 * y:       borrowed; n finite values.
 * blocks:  1 .. n; where n is no multiple, stretches differ by one value, evenly mixed.
 * minima:  out, borrowed; `blocks` values.
 *
 * Returns: 0; -EINVAL when blocks is 0 or > n (out untouched). Thread-safety: pure.
 * Allocates: no. Source: follows the trough, as soak gates that ignore the tops of
 * saw-tooths do (peer comparison in docs/statistics.md).
 */
int seep_envelope_minima(const double *y, size_t n, size_t blocks, double *minima);

/* The mean of each of `blocks` stretches; otherwise as above. */
int seep_block_means(const double *y, size_t n, size_t blocks, double *means);

#endif
