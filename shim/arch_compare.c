/* The vector variants of word_compare.h for x86-64, and whether the processor and the
 * kernel have them (arch.h).
 *
 * SPDX-License-Identifier: MIT
 */
#include <cpuid.h>
#include <immintrin.h>

#include "arch.h"
#include "word_compare.h"

enum {
    LEAF_FEATURES = 7,
    XCR0_YMM = 0x6, /* the kernel saves xmm and ymm */
    XCR0_ZMM = 0xe6 /* ... and opmask and zmm */
};

static uint64_t enabled_state(void)
{
    uint32_t low = 0;
    uint32_t high = 0;

    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

bool seep_arch_has_compare(uint32_t way)
{
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t c = 0;
    uint32_t d = 0;

    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0 ||
        __get_cpuid_count(LEAF_FEATURES, 0, &a, &b, &c, &d) == 0) {
        return false;
    }
    return way == SEEP_COMPARE_AVX512
               ? (b & bit_AVX512F) != 0 && (enabled_state() & XCR0_ZMM) == XCR0_ZMM
               : way == SEEP_COMPARE_AVX2 && (b & bit_AVX2) != 0 &&
                     (enabled_state() & XCR0_YMM) == XCR0_YMM;
}

/* Both leave the upper halves clear (vzeroupper): the host's SSE code would pay for them.
 */
__attribute__((target("avx2"))) size_t seep_compare_avx2(const uint8_t *base,
                                                         const int32_t *offset,
                                                         const uint64_t *value,
                                                         size_t count)
{
    for (size_t i = 0; i < count; i += SEEP_COMPARE_BLOCK) {
        __m256i at = _mm256_loadu_si256((const __m256i *)(const void *)&offset[i]);
        __m256i a =
            _mm256_i32gather_epi64((const void *)base, _mm256_castsi256_si128(at), 1);
        __m256i b = _mm256_i32gather_epi64((const void *)base,
                                           _mm256_extracti128_si256(at, 1), 1);
        __m256i x = _mm256_xor_si256(
            a, _mm256_loadu_si256((const __m256i *)(const void *)&value[i]));
        __m256i y = _mm256_xor_si256(
            b, _mm256_loadu_si256((const __m256i *)(const void *)&value[i + 4]));
        __m256i both = _mm256_or_si256(x, y);

        if (__builtin_expect(!_mm256_testz_si256(both, both), 0)) {
            count = i;
        }
    }
    _mm256_zeroupper();
    return count;
}

__attribute__((target("avx512f"))) size_t seep_compare_avx512(const uint8_t *base,
                                                              const int32_t *offset,
                                                              const uint64_t *value,
                                                              size_t count)
{
    for (size_t i = 0; i < count; i += SEEP_COMPARE_BLOCK) {
        __m256i at = _mm256_loadu_si256((const __m256i *)(const void *)&offset[i]);
        __m512i words = _mm512_i32gather_epi64(at, base, 1);
        __mmask8 different =
            _mm512_cmpneq_epi64_mask(words, _mm512_loadu_si512(&value[i]));

        if (__builtin_expect(different != 0, 0)) {
            count = i;
        }
    }
    _mm256_zeroupper();
    return count;
}
