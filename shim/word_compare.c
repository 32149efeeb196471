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

enum { TRIAL_BLOCKS = 8, TRIAL_REPEATS = 16, TRIAL_ROUNDS = 6, TRIAL_WAYS = 3 };

SEEP_HOT_DATA seep_compare_function *seep_compare = seep_compare_scalar;

SEEP_READS_ANY_STACK static inline bool equal(uintptr_t base, uint64_t place,
                                              uint64_t value)
{
    return *(const uint64_t *)(base + place) == value;
}

/* A branch per word: all of them are predicted, and a compare with memory and its branch
 * are one operation, which gathering differences would take three for. */
SEEP_ARCH_IN_ONE_PAGE(256)
SEEP_READS_ANY_STACK bool seep_compare_scalar(const uint8_t *end,
                                              const struct seep_words *words,
                                              const struct seep_words *last, bool is_odd)
{
    uintptr_t base = (uintptr_t)end - SEEP_COMPARE_REACH;

    (void)is_odd;
    for (; words != last; words++) {
        uint64_t first = words->places[0];
        uint64_t second = words->places[1];

        if (!equal(base, (uint32_t)first, words->value[0]) ||
            !equal(base, first >> 32, words->value[1]) ||
            !equal(base, (uint32_t)second, words->value[2]) ||
            !equal(base, second >> 32, words->value[3])) {
            return false;
        }
    }
    return true;
}

/* Here a vector would say that a word differs, and not which. */
SEEP_READS_ANY_STACK uint32_t seep_compare_leading(const uint8_t *end,
                                                   const struct seep_words *words,
                                                   uint32_t count)
{
    uintptr_t base = (uintptr_t)end - SEEP_COMPARE_REACH;
    uint32_t i = 0;

    for (; count - i >= SEEP_COMPARE_BLOCK; i += SEEP_COMPARE_BLOCK, words++) {
        if (!seep_compare_scalar(end, words, words + 1, true)) {
            break;
        }
    }
    for (uint32_t at = 0; i < count && at < SEEP_COMPARE_BLOCK &&
                          equal(base, words->place[at], words->value[at]);
         at++) {
        i++;
    }
    return i;
}

static seep_compare_function *const ways[TRIAL_WAYS] = {
    [SEEP_COMPARE_SCALAR] = seep_compare_scalar,
    [SEEP_COMPARE_AVX2] = seep_compare_avx2,
    [SEEP_COMPARE_AVX512] = seep_compare_avx512,
};
static const char *const way_names[TRIAL_WAYS] = {"scalar", "avx2", "avx512"};

/* Shortest of several goes, in ticks of the processor's counter. */
static uint64_t trial(seep_compare_function *way, const uint8_t *end,
                      const struct seep_words *words)
{
    uint64_t best = UINT64_MAX;

    for (unsigned round = 0; round < TRIAL_ROUNDS; round++) {
        uint64_t start = seep_arch_ticks();
        bool equal = true;

        for (unsigned i = 0; i < TRIAL_REPEATS; i++) {
            equal &= way(end, words, words + TRIAL_BLOCKS, false);
        }
        uint64_t took = seep_arch_ticks() - start;

        best = equal && took < best ? took : best;
    }
    return best;
}

static uint32_t fastest(void)
{
    uint64_t stack[TRIAL_BLOCKS * SEEP_COMPARE_BLOCK];
    struct seep_words words[TRIAL_BLOCKS] = {0};
    uint64_t best = UINT64_MAX;
    uint32_t chosen = SEEP_COMPARE_SCALAR;

    for (unsigned i = 0; i < TRIAL_BLOCKS * SEEP_COMPARE_BLOCK; i++) {
        stack[i] = i;
        seep_words_set(words, i, (int32_t)i * 8 - (int32_t)sizeof(stack), i);
    }
    for (uint32_t way = 0; way < TRIAL_WAYS; way++) {
        uint64_t took =
            way == SEEP_COMPARE_SCALAR || seep_arch_has_compare(way)
                ? trial(ways[way], (const uint8_t *)stack + sizeof(stack), words)
                : UINT64_MAX;

        if (took < best) {
            best = took;
            chosen = way;
        }
    }
    return chosen;
}

uint32_t seep_compare_choose(const char *wanted)
{
    uint32_t chosen = wanted == NULL ? fastest() : SEEP_COMPARE_SCALAR;

    for (uint32_t way = SEEP_COMPARE_AVX2; wanted != NULL && way < TRIAL_WAYS; way++) {
        if (strcmp(wanted, way_names[way]) == 0 && seep_arch_has_compare(way)) {
            chosen = way;
        }
    }
    seep_compare = ways[chosen];
    return chosen;
}
