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

enum { SHIFT_GLIBC = 5, SHIFT_OTHER = 4 };

uint32_t seep_live_shift = SHIFT_OTHER;
size_t seep_live_least_bytes = 1 << SHIFT_OTHER;
uint64_t seep_live_index_mask = (UINT64_C(1) << (SEEP_LEAF_BITS - SHIFT_OTHER)) - 1;
uint64_t *_Atomic *seep_live_leaves;

int seep_live_start(void)
{
    const long bytes = (long)(SEEP_TOP_ENTRIES * sizeof(*seep_live_leaves));
    long at = 0;

    if (seep_live_leaves != NULL) {
        (void)seep_arch_syscall3(SYS_madvise, seep_live_leaves, bytes, MADV_DONTNEED);
        return 0;
    }
    at = seep_arch_syscall6(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at < 0 && at > -4096) {
        return -ENOMEM;
    }
    if (seep_arch_syscall3(SYS_madvise, at, bytes, MADV_WIPEONFORK) < 0) {
        (void)seep_arch_syscall3(SYS_munmap, at, bytes, 0);
        return -ENOMEM;
    }
    seep_live_leaves = (uint64_t * _Atomic *)at;
    return 0;
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

uint64_t *seep_live_leaf_new(uintptr_t address)
{
    uintptr_t top = address >> SEEP_LEAF_BITS;
    struct seep_segment_header *header = seep_segment_header();
    uint32_t expected = 0;
    uint32_t id = 0;
    uint64_t *leaf = NULL;

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
    leaf = (uint64_t *)(seep_segment_base + SEEP_AT_LEAVES +
                        (id - 1) * seep_leaf_bytes(seep_live_shift));
    atomic_store_explicit(&seep_live_leaves[top], leaf, memory_order_relaxed);
    return leaf;
}
