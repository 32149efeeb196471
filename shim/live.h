/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_LIVE_H
#define SEEP_SHIM_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seep/segment_layout.h"
#include "segment_map.h"

/* The live table: a shadow of the address space, one 8-byte entry per granule
 * (segment.h).
 *
 * L1: two blocks never share a granule. glibc's blocks are 32 bytes apart; for any other
 * allocator the granule is 16 bytes and requests below that are raised to it
 * (seep_live_fit). L2: an entry is written by the thread that acquires or releases its
 * block, and by nobody else at that time.
 */
extern uint32_t seep_live_shift;     /* granule size as a shift */
extern size_t seep_live_least_bytes; /* requests are raised to this */

/* Learns from the real malloc's address whose allocator it is; NULL: anybody's. Call
 * before the first segment is made. */
void seep_live_learn_allocator(const void *real_malloc);

static inline uint32_t seep_live_granule_shift(void)
{
    return seep_live_shift;
}
static inline size_t seep_live_fit(size_t size_bytes)
{
    return size_bytes < seep_live_least_bytes ? seep_live_least_bytes : size_bytes;
}

/* Gives the leaf for an address range that has none. Returns: its entries; NULL when
 * there is no room (counted). */
uint64_t *seep_live_leaf_new(uintptr_t address);

/* Entries of the leaf that covers an address; NULL when nothing there was ever recorded.
 */
static inline uint64_t *seep_live_leaf(uintptr_t address)
{
    uintptr_t top = address >> SEEP_LEAF_BITS;
    uint32_t id = 0;

    if (__builtin_expect(top >= SEEP_TOP_ENTRIES, 0)) {
        return NULL;
    }
    id = atomic_load_explicit(&seep_segment_top()[top], memory_order_relaxed);
    if (__builtin_expect(id == 0, 0)) {
        return NULL;
    }
    return (uint64_t *)(seep_segment_base + SEEP_AT_LEAVES +
                        (id - 1) * seep_leaf_bytes(seep_live_shift));
}

static inline size_t seep_live_index(uintptr_t address)
{
    return (address & ((UINT64_C(1) << SEEP_LEAF_BITS) - 1)) >> seep_live_shift;
}

/* The address's entry for reading; NULL when its leaf does not exist. */
static inline uint64_t *seep_live_find(uintptr_t address)
{
    uint64_t *leaf = seep_live_leaf(address);

    return leaf != NULL ? &leaf[seep_live_index(address)] : NULL;
}

/* The address's entry for writing; NULL when there is no room (counted). */
static inline uint64_t *seep_live_make(uintptr_t address)
{
    uint64_t *leaf = seep_live_leaf(address);

    if (__builtin_expect(leaf == NULL, 0)) {
        leaf = seep_live_leaf_new(address);
    }
    return leaf != NULL ? &leaf[seep_live_index(address)] : NULL;
}

#endif
