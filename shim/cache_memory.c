/* One budget for all caches of all threads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cache_memory.h"

#include <stdatomic.h>
#include <stddef.h>

#include "own_maps.h"

enum { BUDGET_BYTES = 16 << 20 };

/* ThreadSanitizer does not see raw system calls: another thread's new mapping at the
 * place of an old one would look like a race. */
#if defined(__SANITIZE_THREAD__)
enum { UNSEEN_BY_SANITIZER = 1 };
#else
enum { UNSEEN_BY_SANITIZER = 0 };
#endif

static _Atomic int64_t left_bytes = BUDGET_BYTES;

void *seep_cache_memory_first(uint32_t bytes)
{
    return seep_own_maps_new(bytes);
}

void *seep_cache_memory_grow(uint32_t old_bytes, uint32_t bytes)
{
    int64_t more = (int64_t)bytes - old_bytes;
    void *area = NULL;

    if (atomic_fetch_sub_explicit(&left_bytes, more, memory_order_relaxed) >= more) {
        area = seep_cache_memory_first(bytes);
    }
    if (area == NULL) {
        atomic_fetch_add_explicit(&left_bytes, more, memory_order_relaxed);
        return NULL;
    }
    return area;
}

void seep_cache_memory_unmap(void *old, uint32_t old_bytes)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (old_bytes != 0 && !UNSEEN_BY_SANITIZER) {
        seep_own_maps_free(old, old_bytes);
    }
}
