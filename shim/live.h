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
extern uint32_t seep_live_shift
    __attribute__((visibility("hidden"))); /* granule size as a shift */
extern size_t seep_live_least_bytes
    __attribute__((visibility("hidden"))); /* requests are raised to this */

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

/* For each leaf of the address space where the entry of address 0 would be, by address >>
 * SEEP_LEAF_BITS, so that one load and a sum find an entry; 0: nothing there was ever
 * recorded. Private, wiped in a forked child: its segment is another. Written by whoever
 * makes a leaf, with what everybody else would write. */
extern _Atomic uintptr_t seep_live_leaves[SEEP_TOP_ENTRIES]
    __attribute__((visibility("hidden")));
extern uint64_t seep_live_index_mask __attribute__((
    visibility("hidden"))); /* of an address >> seep_live_shift, in its leaf */

/* Makes seep_live_leaves empty. For each new segment. Returns: 0; -ENOMEM: the kernel
 * cannot wipe it on fork. */
int seep_live_start(void);

static inline size_t seep_live_index(uintptr_t address)
{
    return (address >> seep_live_shift) & seep_live_index_mask;
}

/* The address's entry for reading; NULL when its leaf does not exist. */
static inline uint64_t *seep_live_find(uintptr_t address)
{
    uintptr_t top = address >> SEEP_LEAF_BITS;
    uintptr_t origin =
        top < SEEP_TOP_ENTRIES
            ? atomic_load_explicit(&seep_live_leaves[top], memory_order_relaxed)
            : 0;

    uint64_t *entry =
        (uint64_t *)(origin + (address >> seep_live_shift) * sizeof(uint64_t));

    if (__builtin_expect(origin == 0, 0)) {
        return NULL;
    }
    if (entry == NULL) {
        __builtin_unreachable(); /* so that nobody has to ask again */
    }
    return entry;
}

/* Gives the leaf for an address that has none. Returns: the address's entry; NULL when
 * there is no room (counted). */
uint64_t *seep_live_make_leaf(uintptr_t address);

/* The address's entry for writing; NULL when there is no room (counted). */
static inline uint64_t *seep_live_make(uintptr_t address)
{
    uint64_t *entry = seep_live_find(address);

    return __builtin_expect(entry != NULL, 1) ? entry : seep_live_make_leaf(address);
}

#endif
