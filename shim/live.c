/* The live table's slow half: new leaves, and whose allocator this is.
 *
 * Design: a direct-mapped shadow (no hash, no lock, no header in the host's blocks) of
 * which only touched pages exist. A header in front of each block was rejected: it
 * changes the program's memory layout. A sharded hash was rejected: 2-5 times the cost,
 * and it collapses with threads (prototype).
 *
 * SPDX-License-Identifier: MIT
 */
#include "live.h"
#include "seep/segment_layout.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "arch.h"

enum { SHIFT_GLIBC = 5, SHIFT_OTHER = 4, PAGE_BYTES = 4096 };

SEEP_HOT_DATA uint32_t seep_live_shift = SHIFT_OTHER;
SEEP_HOT_DATA size_t seep_live_least_bytes = 1 << SHIFT_OTHER;
uint64_t seep_live_index_mask = (UINT64_C(1) << (SEEP_LEAF_BITS - SHIFT_OTHER)) - 1;
_Alignas(PAGE_BYTES) _Atomic uintptr_t seep_live_leaves[SEEP_TOP_ENTRIES];

int seep_live_start(void)
{
    long bytes = (long)sizeof(seep_live_leaves);

    /* The first process's is zero, a forked child's was wiped: nothing is lost when pages
     * that are locked cannot be given back. */
    (void)seep_arch_syscall3(SYS_madvise, seep_live_leaves, bytes, MADV_DONTNEED);
    return seep_arch_syscall3(SYS_madvise, seep_live_leaves, bytes, MADV_WIPEONFORK) < 0
               ? -ENOMEM
               : 0;
}

void seep_live_learn_allocator(const void *real_malloc)
{
    Dl_info info = {0};
    const char *name =
        real_malloc != NULL && dladdr(real_malloc, &info) != 0 ? info.dli_fname : NULL;
    const char *base = name != NULL ? strrchr(name, '/') : NULL;

    if (base != NULL && strncmp(base, "/libc.so.6", 10) == 0) {
        seep_live_shift = SHIFT_GLIBC;
        seep_live_least_bytes = 0;
        seep_live_index_mask = (UINT64_C(1) << (SEEP_LEAF_BITS - SHIFT_GLIBC)) - 1;
    }
}

uint64_t *seep_live_make_leaf(uintptr_t address)
{
    uintptr_t top = address >> SEEP_LEAF_BITS;
    struct seep_segment_header *header = seep_segment_header();
    uint32_t expected = 0;
    uint32_t id = 0;
    uintptr_t origin = 0;

    if (top >= SEEP_TOP_ENTRIES ||
        atomic_load_explicit(&header->leaf_count, memory_order_relaxed) >=
            header->leaves_max) {
        seep_segment_lose(SEEP_LOSS_LIVE_FULL);
        return NULL;
    }
    id = atomic_fetch_add_explicit(&header->leaf_count, 1, memory_order_relaxed) + 1;
    if (id > header->leaves_max) {
        atomic_fetch_sub_explicit(&header->leaf_count, 1, memory_order_relaxed);
        seep_segment_lose(SEEP_LOSS_LIVE_FULL);
        return NULL;
    }
    if (!atomic_compare_exchange_strong_explicit(&seep_segment_top()[top], &expected, id,
                                                 memory_order_relaxed,
                                                 memory_order_relaxed)) {
        id = expected; /* of whoever was faster: one leaf id stays unused */
    }
    origin = (uintptr_t)seep_segment_base + SEEP_AT_LEAVES +
             (id - 1) * seep_leaf_bytes(seep_live_shift) -
             (top << SEEP_LEAF_BITS >> seep_live_shift) * sizeof(uint64_t);
    atomic_store_explicit(&seep_live_leaves[top], origin, memory_order_relaxed);
    return seep_live_find(address);
}
