/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_ARCH_COMPARE_H
#define SEEP_SHIM_ARCH_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The vector variants of word_compare.h, where the processor has any; to be called only
 * when seep_arch_has_compare says so. Same contract as seep_compare_scalar. */
size_t seep_compare_avx2(const uint8_t *base, const int32_t *offset,
                         const uint64_t *value, size_t count);
size_t seep_compare_avx512(const uint8_t *base, const int32_t *offset,
                           const uint64_t *value, size_t count);

/* Whether this processor and kernel have a variant (value of enum seep_compare_way). */
bool seep_arch_has_compare(uint32_t way);

#endif
