/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_WORD_COMPARE_H
#define SEEP_SHIM_WORD_COMPARE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch_compare.h"

/* Whether remembered words of a stack are still what they were. */

enum { SEEP_COMPARE_BLOCK = 4 };
#define SEEP_COMPARE_REACH (UINT64_C(1) << 31) /* bytes below the end of a stack */

/* A few words, by place and value side by side: one stream of memory to read, whose end
 * nothing has to be loaded for. A place is the word's address less (end - REACH),
 * unsigned: two of them come by one load and part by a shift, since what bounds a compare
 * is loads. */
struct seep_words {
    union {
        uint64_t places[SEEP_COMPARE_BLOCK / 2]; /* the first in the lower half */
        uint32_t place[SEEP_COMPARE_BLOCK];
    };
    uint64_t value[SEEP_COMPARE_BLOCK];
};
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "halves of places");

/* Where the word with this number is, from the end of the stack: below 0. */
static inline int32_t seep_words_offset(const struct seep_words *words, uint32_t number)
{
    return (
        int32_t)(words[number / SEEP_COMPARE_BLOCK].place[number % SEEP_COMPARE_BLOCK] ^
                 (uint32_t)SEEP_COMPARE_REACH);
}
static inline uint64_t seep_words_value(const struct seep_words *words, uint32_t number)
{
    return words[number / SEEP_COMPARE_BLOCK].value[number % SEEP_COMPARE_BLOCK];
}
static inline void seep_words_set(struct seep_words *words, uint32_t number,
                                  int32_t offset, uint64_t value)
{
    struct seep_words *block = &words[number / SEEP_COMPARE_BLOCK];

    block->place[number % SEEP_COMPARE_BLOCK] =
        (uint32_t)offset ^ (uint32_t)SEEP_COMPARE_REACH;
    block->value[number % SEEP_COMPARE_BLOCK] = value;
}

enum seep_compare_way {
    SEEP_COMPARE_SCALAR = 0,
    SEEP_COMPARE_AVX2 = 1,
    SEEP_COMPARE_AVX512 = 2
};
/* Chooses the fastest way that this processor has: the candidates are timed for a few
 * microseconds.
 *
 * wanted:  "scalar", "avx2" or "avx512" (SEEP_OPTIONS simd=); NULL: the fastest. One that
 * the processor lacks falls back to scalar. Returns: enum seep_compare_way.
 */
uint32_t seep_compare_choose(const char *wanted);

/* Whether all words are what they were.
 *
 * end:     of the stack that the places are of. All the words must be readable.
 * is_odd:  whether the number of blocks from `words` to `last` is.
 */
typedef bool seep_compare_function(const uint8_t *end, const struct seep_words *words,
                                   const struct seep_words *last, bool is_odd);
seep_compare_function seep_compare_scalar;

/* The chosen one; written once at start. */
extern seep_compare_function *seep_compare __attribute__((visibility("hidden")));

/* Number of leading words, of `count`, that are what they were. */
uint32_t seep_compare_leading(const uint8_t *end, const struct seep_words *words,
                              uint32_t count);

#endif
