/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_BASE_WHOLE_H
#define SEEP_ANALYZER_BASE_WHOLE_H

#include <stdint.h>

/* Whole numbers from doubles that may hold anything: counters that a broken program wrote
 * add up to more than 64 bits, and a cast of that is undefined behaviour. Towards zero;
 * what is out of range becomes the nearest end, NaN 0. Pure. */
static inline uint64_t seep_whole(double value)
{
    if (!(value > 0)) {
        return 0;
    }
    return value < 0x1p64 ? (uint64_t)value : UINT64_MAX;
}

static inline int64_t seep_whole_signed(double value)
{
    if (value != value) {
        return 0;
    }
    if (value >= 0x1p63) {
        return INT64_MAX;
    }
    return value > -0x1p63 ? (int64_t)value : INT64_MIN;
}

#endif
