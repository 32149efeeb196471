/* Comparing words scattered over a stack, several at a time where the processor can.
 *
 * Design: the hot path of a hit is this loop and little else, so it has one variant per
 * instruction set, chosen once, by timing: what it costs to fill a vector word by word
 * differs between models.
 *
 * SPDX-License-Identifier: MIT
 */
#include "word_compare.h"

#include <string.h>

#include "arch.h"
#include "stack_read.h"

enum { TRIAL_WORDS = 32, TRIAL_REPEATS = 16, TRIAL_ROUNDS = 6, TRIAL_WAYS = 3 };

uint32_t seep_compare_way = SEEP_COMPARE_SCALAR;

SEEP_READS_ANY_STACK static inline bool equal(const uint8_t *base, int32_t offset,
                                              uint64_t value)
{
    return *(const uint64_t *)(const void *)(base + offset) == value;
}

/* A branch per word: all of them are predicted, and a compare with memory and its branch
 * are one operation, which gathering differences would take three for. */
SEEP_READS_ANY_STACK size_t seep_compare_scalar(const uint8_t *base,
                                                const int32_t *offset,
                                                const uint64_t *value, size_t count)
{
    const int32_t *end = offset + count;

    for (const int32_t *at = offset; at != end;
         at += SEEP_COMPARE_BLOCK, value += SEEP_COMPARE_BLOCK) {
        if (!equal(base, at[0], value[0]) || !equal(base, at[1], value[1]) ||
            !equal(base, at[2], value[2]) || !equal(base, at[3], value[3])) {
            return (size_t)(at - offset);
        }
    }
    return count;
}

typedef size_t compare_function(const uint8_t *, const int32_t *, const uint64_t *,
                                size_t);

static compare_function *const ways[TRIAL_WAYS] = {
    [SEEP_COMPARE_SCALAR] = seep_compare_scalar,
    [SEEP_COMPARE_AVX2] = seep_compare_avx2,
    [SEEP_COMPARE_AVX512] = seep_compare_avx512,
};
static const char *const way_names[TRIAL_WAYS] = {"scalar", "avx2", "avx512"};

/* Shortest of several goes, in ticks of the processor's counter. */
static uint64_t trial(compare_function *way, const uint64_t *words, const int32_t *offset,
                      const uint64_t *value)
{
    uint64_t best = UINT64_MAX;

    for (unsigned round = 0; round < TRIAL_ROUNDS; round++) {
        uint64_t start = seep_arch_ticks();
        size_t equal = TRIAL_WORDS;

        for (unsigned i = 0; i < TRIAL_REPEATS; i++) {
            equal &= way((const uint8_t *)words, offset, value, TRIAL_WORDS);
        }
        uint64_t took = seep_arch_ticks() - start;

        best = equal == TRIAL_WORDS && took < best ? took : best;
    }
    return best;
}

static uint32_t fastest(void)
{
    uint64_t words[TRIAL_WORDS];
    uint64_t value[TRIAL_WORDS];
    int32_t offset[TRIAL_WORDS];
    uint64_t best = UINT64_MAX;
    uint32_t chosen = SEEP_COMPARE_SCALAR;

    for (unsigned i = 0; i < TRIAL_WORDS; i++) {
        words[i] = value[i] = i;
        offset[i] = (int32_t)(i * sizeof(words[0]));
    }
    for (uint32_t way = 0; way < TRIAL_WAYS; way++) {
        uint64_t took = way == SEEP_COMPARE_SCALAR || seep_arch_has_compare(way)
                            ? trial(ways[way], words, offset, value)
                            : UINT64_MAX;

        if (took < best) {
            best = took;
            chosen = way;
        }
    }
    return chosen;
}

void seep_compare_choose(const char *wanted)
{
    if (wanted == NULL) {
        seep_compare_way = fastest();
        return;
    }
    for (uint32_t way = SEEP_COMPARE_AVX2; way < TRIAL_WAYS; way++) {
        if (strcmp(wanted, way_names[way]) == 0 && seep_arch_has_compare(way)) {
            seep_compare_way = way;
            return;
        }
    }
    seep_compare_way = SEEP_COMPARE_SCALAR;
}
