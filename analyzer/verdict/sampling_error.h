/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_SAMPLING_ERROR_H
#define SEEP_ANALYZER_VERDICT_SAMPLING_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "load/recording.h"

/* How far the estimates of a sampled recording may be off. docs/statistics.md derives it.
 */

/* Variance of an estimate over the estimate itself: of a live count in blocks, of live
 * bytes in bytes; 0 where all was recorded. */
struct seep_sampling_spread {
    double live, bytes;
};

/* Whether the recording's heap is an estimate. */
bool seep_sampling_is_on(const struct seep_recording *recording);

/* A site's spread: from the scan that saw its samples; else, for bytes, the mean distance
 * of samples, which it never exceeds, and for the count that of its mean size (right
 * where its blocks are of one size). Thread-safety: pure. */
struct seep_sampling_spread
seep_sampling_spread_of(const struct seep_recording *recording, uint32_t site);

/* Half of the 95 % interval of an estimate.
 *
 * estimate:      >= 0.
 * variance:      of it, as estimated.
 * least_spread:  what one sample more or less would change: keeps the interval open
 *                where there are few samples or none.
 * Returns: 0 when both are 0. Thread-safety: pure. Source: Wilson 1927, for a Poisson
 * count.
 */
double seep_sampling_error(double variance, double least_spread);

#endif
