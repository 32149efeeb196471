/* A value's bucket is its highest bit and the three bits below it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_histogram.h"

#define SUB_BITS 3

static unsigned bucket_of(uint64_t value)
{
    unsigned exponent;

    if (value < 1U << SUB_BITS) {
        return (unsigned)value;
    }
    exponent = 63U - (unsigned)__builtin_clzll(value);
    return (exponent - SUB_BITS + 1) << SUB_BITS |
           (unsigned)(value >> (exponent - SUB_BITS) & ((1U << SUB_BITS) - 1));
}

static uint64_t upper_end(unsigned bucket)
{
    unsigned shift;

    if (bucket < 1U << SUB_BITS) {
        return bucket;
    }
    shift = (bucket >> SUB_BITS) - 1;
    return (((1ULL << SUB_BITS) + (bucket & ((1U << SUB_BITS) - 1)) + 1) << shift) - 1;
}

void load_histogram_add(struct load_histogram *histogram, uint64_t value_ns)
{
    histogram->counts[bucket_of(value_ns)]++;
    histogram->count++;
}

uint64_t load_histogram_quantile_ns(const struct load_histogram *histogram,
                                    double quantile)
{
    uint64_t rank = (uint64_t)(quantile * (double)histogram->count);
    uint64_t seen = 0;

    if (histogram->count == 0) {
        return 0;
    }
    rank = rank < histogram->count ? rank : histogram->count - 1;
    for (unsigned at = 0; at < LOAD_HISTOGRAM_BUCKETS; at++) {
        seen += histogram->counts[at];
        if (seen > rank) {
            return upper_end(at);
        }
    }
    return 0;
}
