/* The vector variants of word_compare.h for x86-64, and whether the processor and the
 * kernel have them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch_compare.h"

#include <cpuid.h>
#include <immintrin.h>

#include "word_compare.h"

enum {
    FOUR = 4,
    EIGHT = 8,
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
static inline __attribute__((target("avx2"), always_inline)) bool
four_equal(const uint8_t *base, const int32_t *offset, const uint64_t *value)
{
    __m128i at = _mm_loadu_si128((const __m128i *)(const void *)offset);
    __m256i words = _mm256_i32gather_epi64((const void *)base, at, 1);
    __m256i different =
        _mm256_xor_si256(words, _mm256_loadu_si256((const __m256i *)(const void *)value));

    return _mm256_testz_si256(different, different) != 0;
}

__attribute__((target("avx2"))) size_t seep_compare_avx2(const uint8_t *base,
                                                         const int32_t *offset,
                                                         const uint64_t *value,
                                                         size_t count)
{
    size_t i = 0;

    while (i < count && four_equal(base, &offset[i], &value[i])) {
        i += FOUR;
    }
    _mm256_zeroupper();
    return i;
}

__attribute__((target("avx2,avx512f"))) size_t seep_compare_avx512(const uint8_t *base,
                                                                   const int32_t *offset,
                                                                   const uint64_t *value,
                                                                   size_t count)
{
    size_t i = 0;

    for (; i + EIGHT <= count; i += EIGHT) {
        __m256i at = _mm256_loadu_si256((const __m256i *)(const void *)&offset[i]);
        __m512i words = _mm512_i32gather_epi64(at, base, 1);

        if (_mm512_cmpneq_epi64_mask(words, _mm512_loadu_si512(&value[i])) != 0) {
            count = i;
        }
    }
    if (i < count && four_equal(base, &offset[i], &value[i])) {
        i += FOUR;
    }
    _mm256_zeroupper();
    return i < count ? i : count;
}
