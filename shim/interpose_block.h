/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_INTERPOSE_BLOCK_H
#define SEEP_SHIM_INTERPOSE_BLOCK_H

#include "guard.h"
#include "live.h"
#include "real.h"
#include "record.h"

/* Steps that the wrappers of allocators' own functions share. */

/* Records a block that the original has given; NULL passes through. */
static inline void *seep_block_acquired(void *block, size_t size_bytes, uintptr_t sp,
                                        uintptr_t fp)
{
    struct seep_self *self = block != NULL ? seep_guard_self() : NULL;

    if (self != NULL) {
        seep_record_acquire(self, SEEP_KIND_HEAP, block, size_bytes, sp, fp);
    }
    return block;
}

/* Takes a block out and counts it, before the original frees it. Returns: whether the
 * original is to be called: not for a block of the static area, nor before it is known.
 */
static inline bool seep_block_released(void *block)
{
    struct seep_self *self = NULL;

    if (seep_real_is_boot(block) || !seep_real_ready()) {
        return false;
    }
    self = block != NULL ? seep_guard_self() : NULL;
    if (self != NULL) {
        seep_record_settle(self, seep_record_take(block));
    }
    return true;
}

/* Whether a block of this requested size may have been raised (live.h, L1): then only the
 * allocator knows its size class, and the unsized way to free it is taken. */
static inline bool seep_block_is_raised(size_t size_bytes)
{
    return size_bytes < UINT64_C(1) << seep_live_shift;
}

/* For allocators beside the C heap, which seep_live_fit is about. */
static inline size_t seep_block_fit(size_t size_bytes)
{
    return seep_block_is_raised(size_bytes) ? (size_t)1 << seep_live_shift : size_bytes;
}

#endif
