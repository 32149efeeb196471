/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_ARCH_COMPARE_H
#define SEEP_SHIM_ARCH_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The vector variants of word_compare.h, where the processor has any; to be called only
 * when seep_arch_has_compare says so. Same contract as seep_compare_scalar. */
struct seep_words;
bool seep_compare_avx2(const uint8_t *end, const struct seep_words *words,
                       const struct seep_words *last, bool is_odd);
bool seep_compare_avx512(const uint8_t *end, const struct seep_words *words,
                         const struct seep_words *last, bool is_odd);

/* Whether this processor and kernel have a variant (value of enum seep_compare_way). */
bool seep_arch_has_compare(uint32_t way);

#endif
