/* One entry of the live table, and the birth time in it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_LIVE_ENTRY_H
#define SEEP_LIVE_ENTRY_H

#include <stdint.h>

/* Live entry: site 24 bits | size 24 bits | birth 16 bits. 0 = free.
 * size == SEEP_LIVE_LARGE: the block's bytes are in the next granule's entry (whose site
 * is 0). For kind THREAD (keyed by pthread_t) size is the thread's slot.
 */
enum { SEEP_LIVE_LARGE = (1 << 24) - 1 };

static inline uint64_t seep_live_pack(uint32_t site, uint32_t size24, uint16_t birth)
{
    return (uint64_t)site << 40 | (uint64_t)(size24 & 0xffffff) << 16 | birth;
}
static inline uint32_t seep_live_site(uint64_t entry)
{
    return (uint32_t)(entry >> 40);
}
static inline uint32_t seep_live_size24(uint64_t entry)
{
    return (uint32_t)(entry >> 16) & 0xffffff;
}
static inline uint16_t seep_live_birth(uint64_t entry)
{
    return (uint16_t)entry;
}

/* Birth: time since start in 1/64 s, 12 bits of mantissa and 4 of exponent: exact to 1/64
 * s for the first minute, then to 1/2048 of the elapsed time; saturates after 24 days.
 * The shim's are as fine as its collector's tick (seep_tick). */
static inline uint16_t seep_birth_encode(uint64_t since_start_ns)
{
    uint64_t t = since_start_ns / 15625000;
    unsigned exponent = t < 4096 ? 0 : 64 - 12 - (unsigned)__builtin_clzll(t);

    return exponent > 15 ? 0xffff : (uint16_t)(exponent << 12 | (t >> exponent));
}
static inline uint64_t seep_birth_decode_ns(uint16_t birth)
{
    return ((uint64_t)(birth & 0xfff) << (birth >> 12)) * 15625000;
}

#endif
