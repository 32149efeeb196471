/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_SAMPLE_H
#define SEEP_SHIM_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard.h"
#include "seep/sampling.h"
#include "segment_map.h"

/* Which heap blocks are recorded in sampled mode, and which may be forgotten.
 *
 * M1: seep_sample_mean_bytes is 0 in full mode and never changes while the process
 * records. M2: a region whose count is 0 holds no sampled block; a count that has reached
 * its top stays there.
 */
enum { SEEP_SAMPLE_REGION_BITS = 14 };

extern uint64_t seep_sample_mean_bytes __attribute__((visibility("hidden")));

/* Counts of live sampled blocks: 2^(SEEP_LEAF_BITS - SEEP_SAMPLE_REGION_BITS) for each
 * leaf of the live table, by leaf id; those of id 0 stay 0. NULL in full mode, and where
 * the kernel refused them: then every release looks into the live table. Written by any
 * thread, atomically. */
extern uint8_t *seep_sample_regions __attribute__((visibility("hidden")));

/* Reads SEEP_OPTIONS once, tells the header, makes the counts. After
 * seep_segment_create, in the attach state. Allocates: no (its own mapping). */
void seep_sample_attach(struct seep_segment_header *header);

/* Gives back the address space of counts that no leaf in use needs. */
void seep_sample_trim(uint32_t leaves);

/* Draws the first distance of a thread. Owner thread. */
void seep_sample_start(struct seep_self *self);

/* The next distance, once one has been used up. Owner thread; async-signal-safe; no
 * floating point. */
void seep_sample_draw(struct seep_self *self);

/* What a sampled block stands for. `entry`, `index`: of the live table. */
struct seep_sample_weight seep_sample_weight_of(uint64_t entry, uint64_t index,
                                                uint64_t bytes);

/* A sampled block came to life / went at this address. Any thread; async-signal-safe. */
void seep_sample_note(uintptr_t address);
void seep_sample_forget(uintptr_t address);

static inline bool seep_sample_is_on(void)
{
    return __builtin_expect(seep_sample_mean_bytes != 0, 0);
}

/* Whether a block of this size holds the thread's next point: then it is recorded. Owner
 * thread, in sampled mode. */
static inline bool seep_sample_take(struct seep_self *self, size_t bytes)
{
    self->sample_left_bytes -= (int64_t)bytes + 1;
    if (__builtin_expect(self->sample_left_bytes >= 0, 1)) {
        return false;
    }
    seep_sample_draw(self);
    return true;
}

/* Whether the thread has just seen this block and not sampled it: a second wrapper around
 * the same allocation must not try again. */
static inline bool seep_sample_has_passed(const struct seep_self *self,
                                          const void *address)
{
    return seep_sample_is_on() && self->sample_passed == (uintptr_t)address;
}

static inline uint8_t *seep_sample_region(uintptr_t address)
{
    const uintptr_t per_leaf = SEEP_LEAF_BITS - SEEP_SAMPLE_REGION_BITS;
    uintptr_t top = (address >> SEEP_LEAF_BITS) & (SEEP_TOP_ENTRIES - 1);
    uintptr_t leaf = atomic_load_explicit(&seep_segment_top()[top], memory_order_relaxed);
    uintptr_t region =
        (address >> SEEP_SAMPLE_REGION_BITS) & ((UINT64_C(1) << per_leaf) - 1);

    return &seep_sample_regions[leaf << per_leaf | region];
}

/* Whether nothing recorded can be at this address: known without touching the live table.
 */
static inline bool seep_sample_is_unknown(uintptr_t address)
{
    return __builtin_expect(seep_sample_regions != NULL, 0) &&
           __atomic_load_n(seep_sample_region(address), __ATOMIC_RELAXED) == 0;
}

#endif
