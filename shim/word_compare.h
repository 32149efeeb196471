/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_WORD_COMPARE_H
#define SEEP_SHIM_WORD_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch_compare.h"

/* Whether remembered words of a stack are still what they were. */

enum { SEEP_COMPARE_BLOCK = 4 /* counts are multiples of it, by repeating a word */ };

enum seep_compare_way {
    SEEP_COMPARE_SCALAR = 0,
    SEEP_COMPARE_AVX2 = 1,
    SEEP_COMPARE_AVX512 = 2
};
extern uint32_t seep_compare_way __attribute__((
    visibility("hidden"))); /* enum seep_compare_way; written once at start */

/* Chooses the fastest way that this processor has: the candidates are timed for a few
 * microseconds.
 *
 * wanted:  "scalar", "avx2" or "avx512" (SEEP_OPTIONS simd=); NULL: the fastest. One that
 * the processor lacks falls back to scalar.
 */
void seep_compare_choose(const char *wanted);

/* Number of leading words that are equal: value[i] at base + offset[i].
 *
 * count:   a multiple of SEEP_COMPARE_BLOCK.
 * Returns: count when all are; else a number not above the index of the first that is
 * not, and less than 8 below it. All the words must be readable.
 */
size_t seep_compare_scalar(const uint8_t *base, const int32_t *offset,
                           const uint64_t *value, size_t count);

static inline size_t seep_compare(const uint8_t *base, const int32_t *offset,
                                  const uint64_t *value, size_t count)
{
    switch (seep_compare_way) {
    case SEEP_COMPARE_AVX512:
        return seep_compare_avx512(base, offset, value, count);
    case SEEP_COMPARE_AVX2:
        return seep_compare_avx2(base, offset, value, count);
    default:
        return seep_compare_scalar(base, offset, value, count);
    }
}

#endif
