/* The shim's own mappings, listed.
 *
 * Chosen: a list in the shim's data. Rejected: a table in the segment, which a forked
 * child would have to fill again from what it inherited; and naming the mappings, which
 * kernels can only when they were built for it.
 *
 * I1: a mapping leaves the list before it is unmapped: its addresses may be the program's
 * at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "own_maps.h"

#include <stddef.h>
#include <sys/mman.h>

#include "arch.h"
#include "seep/segment.h"

static struct seep_own_maps maps;

static void enter(uint64_t start, uint64_t bytes)
{
    for (uint32_t i = 0; i < SEEP_OWN_MAPS_MAX; i++) {
        struct seep_own_map *row = &maps.rows[i];
        uint64_t expected = 0;
        uint32_t used = atomic_load_explicit(&maps.used, memory_order_relaxed);

        if (atomic_load_explicit(&row->start, memory_order_relaxed) != 0 ||
            !atomic_compare_exchange_strong_explicit(&row->start, &expected, start,
                                                     memory_order_acq_rel,
                                                     memory_order_relaxed)) {
            continue;
        }
        atomic_store_explicit(&row->bytes, bytes, memory_order_release);
        while (used <= i && !atomic_compare_exchange_weak_explicit(
                                &maps.used, &used, i + 1, memory_order_release,
                                memory_order_relaxed)) {
        }
        return;
    }
    atomic_fetch_add_explicit(&maps.lost, 1, memory_order_relaxed);
}

static void leave(uint64_t start)
{
    uint32_t used = atomic_load_explicit(&maps.used, memory_order_relaxed);

    for (uint32_t i = 0; i < used; i++) {
        struct seep_own_map *row = &maps.rows[i];

        if (atomic_load_explicit(&row->start, memory_order_relaxed) == start) {
            atomic_store_explicit(&row->bytes, 0, memory_order_relaxed);
            atomic_store_explicit(&row->start, 0, memory_order_release);
            return;
        }
    }
}

void *seep_own_maps_new(uint64_t bytes)
{
    long at = seep_arch_syscall6(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at < 0 && at > -4096) {
        return NULL;
    }
    enter((uint64_t)at, bytes);
    return (void *)at;
}

void seep_own_maps_free(void *at, uint64_t bytes)
{
    leave((uintptr_t)at); /* I1 */
    (void)seep_arch_syscall3(SYS_munmap, at, bytes, 0);
}

uint64_t seep_own_maps_address(void)
{
    return (uintptr_t)&maps;
}
