/* Distribution of latencies in fixed memory.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

#define LOAD_HISTOGRAM_BUCKETS 512

/* Buckets of 1/8 of a power of two: a quantile is at most 12.5 % too high. */
struct load_histogram {
    uint64_t counts[LOAD_HISTOGRAM_BUCKETS];
    uint64_t count;
};

void load_histogram_add(struct load_histogram *histogram, uint64_t value_ns);

/* Upper end of the bucket that holds the quantile (0..1), in nanoseconds; 0 when empty.
 */
uint64_t load_histogram_quantile_ns(const struct load_histogram *histogram,
                                    double quantile);

#endif
