/* Sampling by bytes: what one sampled block stands for. The shim adds it to its counters
 * and takes it off again, the collector adds it up over the live table; both must come to
 * the same numbers, so it is integers alone, whatever the host does to its rounding mode.
 *
 * A Poisson process of one point per `mean_bytes` runs along the bytes that are
 * allocated; a block of s bytes (counted as s + 1, so that empty blocks are seen as well)
 * that holds a point is sampled: p = 1 - exp(-(s + 1) / mean). It stands for 1/p blocks
 * and s/p bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SAMPLING_H
#define SEEP_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEEP_MODE_FULL = 1, SEEP_MODE_SAMPLED = 2 };

#define SEEP_SAMPLE_DEFAULT_BYTES (UINT64_C(512) << 10)
#define SEEP_SAMPLE_LEAST_BYTES   UINT64_C(64)
#define SEEP_SAMPLE_MOST_BYTES    (UINT64_C(1) << 30)

__extension__ typedef unsigned __int128 seep_uint128;

/* The chance that a block is sampled, as a fraction of 2^63: never 0.
 *
 * bytes:      requested.
 * mean_bytes: SEEP_SAMPLE_LEAST_BYTES .. SEEP_SAMPLE_MOST_BYTES.
 * Returns: p * 2^63, to a part in 10^8. Thread-safety: pure.
 */
static inline uint64_t seep_sample_chance(uint64_t bytes, uint64_t mean_bytes)
{
    const uint64_t one = UINT64_C(1) << 63;
    uint64_t length = bytes + 1;
    unsigned doublings = 0;
    uint64_t x = 0;
    uint64_t p = 0;

    if (length / 44 >= mean_bytes) { /* exp(-44) is below 2^-63 */
        return one;
    }
    while (length >> doublings >= mean_bytes / 8) { /* to x below 1/8 and a bit */
        doublings++;
    }
    x = (uint64_t)(((seep_uint128)length << (63 - doublings)) / mean_bytes);
    for (unsigned n = 9; n > 0; n--) { /* Horner: x - x^2/2! + x^3/3! - ... */
        p = (uint64_t)(((seep_uint128)x * (one - p)) >> 63) / n;
    }
    for (; doublings > 0; doublings--) { /* 1 - (1 - p)^2 */
        p = 2 * p - (uint64_t)(((seep_uint128)p * p) >> 63);
    }
    return p < one ? p : one;
}

/* What one sampled block stands for. */
struct seep_sample_weight {
    uint64_t blocks; /* 1/p, rounded up or down by `token`: right on average */
    uint64_t bytes;  /* s/p */
};

/* Which of the sampled blocks of one site and birth this is: `index` is the granule's in
 * its leaf, `entry` its word in the live table. The same at its release as at its birth,
 * and else like a coin's toss. */
static inline uint32_t seep_sample_token(uint64_t entry, uint64_t index)
{
    uint64_t z = entry + (index & 0xffff) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

static inline struct seep_sample_weight
seep_sample_weigh(uint64_t bytes, uint64_t mean_bytes, uint32_t token)
{
    uint64_t p = seep_sample_chance(bytes, mean_bytes);
    uint64_t blocks = (uint64_t)(((seep_uint128)1 << 95) / p); /* 32 bits of fraction */

    return (struct seep_sample_weight){
        .blocks = (blocks >> 32) + ((uint32_t)blocks > token),
        .bytes = (uint64_t)((((seep_uint128)bytes << 63) + p / 2) / p)};
}

/* A mean distance: a number with k, m or g (1,024 each) in either case behind it.
 *
 * out:     untouched on failure.
 * Returns: whether text is such a number within the limits.
 */
static inline bool seep_sample_parse_bytes(const char *text, size_t len, uint64_t *out)
{
    uint64_t value = 0;
    size_t i = 0;

    for (; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        value = value * 10 + (uint64_t)(text[i] - '0');
        if (value > SEEP_SAMPLE_MOST_BYTES) {
            return false;
        }
    }
    if (i == 0 || i + 1 < len) {
        return false;
    }
    if (i < len) {
        char suffix = (char)(text[i] | 0x20);

        value <<= suffix == 'k' ? 10 : suffix == 'm' ? 20 : suffix == 'g' ? 30 : 0;
        if (suffix != 'k' && suffix != 'm' && suffix != 'g') {
            return false;
        }
    }
    if (value < SEEP_SAMPLE_LEAST_BYTES || value > SEEP_SAMPLE_MOST_BYTES) {
        return false;
    }
    *out = value;
    return true;
}

/* A mode: "full", "sampled" or "sampled=BYTES".
 *
 * mean_bytes: out; 0 in full mode; untouched on failure.
 * Returns: SEEP_MODE_FULL, SEEP_MODE_SAMPLED; 0 when it is none of them.
 */
static inline uint32_t seep_sample_parse_mode(const char *text, size_t len,
                                              uint64_t *mean_bytes)
{
    static const char full[] = "full";
    static const char sampled[] = "sampled";
    const size_t word = sizeof(sampled) - 1;
    size_t same_full = 0;
    size_t same = 0;

    while (same_full < len && full[same_full] == text[same_full]) {
        same_full++;
    }
    while (same < len && sampled[same] == text[same]) {
        same++;
    }
    if (len == sizeof(full) - 1 && same_full == len) {
        *mean_bytes = 0;
        return SEEP_MODE_FULL;
    }
    if (same != word) {
        return 0;
    }
    if (len == word) {
        *mean_bytes = SEEP_SAMPLE_DEFAULT_BYTES;
        return SEEP_MODE_SAMPLED;
    }
    return text[word] == '=' &&
                   seep_sample_parse_bytes(text + word + 1, len - word - 1, mean_bytes)
               ? SEEP_MODE_SAMPLED
               : 0;
}

#endif
