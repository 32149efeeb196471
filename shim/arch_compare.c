/* The vector variants of word_compare.h for x86-64, and whether the processor and the
 * kernel have them.
 *
 * Design: words are loaded one by one into the lanes of a vector and compared with one
 * instruction: 49 loads for 28 words where scalar compares take 70. Gathers were
 * rejected: eight loads cost less (28 words: gathers 12.7 ns, loads 6.2, scalar 7.2 on
 * the EPYC of docs/benchmarks.md), and where microcode guards gathers against data
 * sampling they cost several times as much.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch_compare.h"

#include <cpuid.h>
#include <immintrin.h>

#include "arch.h"
#include "stack_read.h"
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
               ? (b & bit_AVX512F) != 0 && (b & bit_AVX512VL) != 0 &&
                     (enabled_state() & XCR0_ZMM) == XCR0_ZMM
               : way == SEEP_COMPARE_AVX2 && (b & bit_AVX2) != 0 &&
                     (enabled_state() & XCR0_YMM) == XCR0_YMM;
}

/* The compiler leaves the upper halves clear (vzeroupper): the host's SSE code would pay
 * for them. */
#define WITH_AVX2   SEEP_READS_ANY_STACK __attribute__((target("avx2")))
#define WITH_AVX512 SEEP_READS_ANY_STACK __attribute__((target("avx2,avx512f,avx512vl")))
enum { COMPARE_BYTES = 256 };
#define INLINED __attribute__((always_inline)) static inline

WITH_AVX2 INLINED __m128i two_words(uintptr_t base, uint64_t places)
{
    __m128d low = _mm_load_sd((const double *)(base + (uint32_t)places));

    return _mm_castpd_si128(_mm_loadh_pd(low, (const double *)(base + (places >> 32))));
}

/* Four words, loaded one by one. */
WITH_AVX2 INLINED __m256i four_words(uintptr_t base, const struct seep_words *words)
{
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(two_words(base, words->places[0])),
        two_words(base, words->places[1]), 1);
}

WITH_AVX2 INLINED __m256i four_values(const uint64_t *value)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)value);
}

/* The bits of `seen` and those in which four words differ. */
WITH_AVX2 INLINED __m256i difference_avx2(__m256i seen, uintptr_t base,
                                          const struct seep_words *words)
{
    return _mm256_or_si256(
        seen, _mm256_xor_si256(four_words(base, words), four_values(words->value)));
}

WITH_AVX512 INLINED __m256i difference_avx512(__m256i seen, uintptr_t base,
                                              const struct seep_words *words)
{
    enum { OR_OF_XOR = 0xf6 }; /* a | (b ^ c) */

    return _mm256_ternarylogic_epi64(seen, four_words(base, words),
                                     four_values(words->value), OR_OF_XOR);
}

/* One test at the end: what differs is rare, and found out by what comes after. */
#define COMPARE(way, with)                                                               \
    with SEEP_ARCH_IN_ONE_PAGE(COMPARE_BYTES) bool seep_compare_##way(                   \
        const uint8_t *end, const struct seep_words *words,                              \
        const struct seep_words *last, bool is_odd)                                      \
    {                                                                                    \
        uintptr_t base = (uintptr_t)end - SEEP_COMPARE_REACH;                            \
        __m256i seen = _mm256_setzero_si256();                                           \
                                                                                         \
        if (is_odd) {                                                                    \
            seen = difference_##way(seen, base, words++);                                \
        }                                                                                \
        for (; words != last; words += 2) {                                              \
            seen = difference_##way(seen, base, words);                                  \
            seen = difference_##way(seen, base, words + 1);                              \
        }                                                                                \
        return _mm256_testz_si256(seen, seen) != 0;                                      \
    }

COMPARE(avx2, WITH_AVX2)
COMPARE(avx512, WITH_AVX512)
