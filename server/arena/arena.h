/* The allocator: one jemalloc arena per subsystem, its figures, and giving memory back.
 *
 * Plain malloc and free are jemalloc's in this program; a thread that is bound to a
 * subsystem allocates from that subsystem's arena. A block counts where it was allocated,
 * whoever frees it. In a sanitizer's build there is no jemalloc: binding does nothing and
 * the figures come from the C library.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ARENA_H
#define PMA_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole heap, in bytes. */
struct pma_heap_figures {
    uint64_t allocated_bytes; /* what the program holds */
    uint64_t active_bytes;    /* pages that hold it */
    uint64_t
        resident_bytes; /* of the allocator, in physical memory, its metadata included */
    uint64_t mapped_bytes;   /* of address space */
    uint64_t metadata_bytes; /* the allocator's own */
};

struct pma_arena_info {
    char subsystem[32];
    uint64_t
        allocated_bytes; /* held at this moment; what threads cache for reuse included */
    uint64_t active_bytes;
    uint64_t blocks;       /* of allocated_bytes; what threads cache for reuse included */
    uint64_t cached_bytes; /* that threads bound to the subsystem keep for reuse */
};

/* Makes the calling thread allocate from the arena of `subsystem` (a string literal) from
 * now on; the first call for a subsystem creates its arena. Does nothing when it is bound
 * so already, when there is no jemalloc or when 32 subsystems have one. Thread-safety:
 * any thread, takes PMA_LOCK_ARENA. */
void pma_arena_bind(const char *subsystem);

/* Reads the figures of the heap. Thread-safety: any thread.
 * Source: jemalloc(3), stats.*; mallinfo2(3) without it. */
void pma_heap_figures_read(struct pma_heap_figures *figures);

/* Copies the figures of up to `capacity` subsystems. Returns: how many.
 * Thread-safety: any thread. Cost: some 250 mallctl calls per subsystem. */
size_t pma_arena_list(struct pma_arena_info *infos, size_t capacity);

/* Returns unused pages of all arenas to the system. Returns: bytes that became
 * non-resident. Thread-safety: any thread. Cost: a pass over all unused pages. */
uint64_t pma_heap_purge(void);

/* Bytes ever allocated, freed ones included, as far as threads have taken them from their
 * arenas; 0 without jemalloc. Thread-safety: any thread. Cost: some 250 mallctl calls.
 * Source: jemalloc(3), stats.arenas.<i>.{bins,lextents}.<j>.nmalloc. */
uint64_t pma_heap_total_bytes(void);

/* Bytes that threads keep for reuse; 0 without jemalloc. Thread-safety: any thread. */
uint64_t pma_heap_cached_bytes(void);

/* Gives back what the calling thread keeps for reuse: for threads that are about to wait
 * for long. Does nothing without jemalloc. Thread-safety: any thread. */
void pma_heap_flush_thread(void);

/* Whether the allocator is jemalloc. Thread-safety: pure. */
bool pma_heap_is_jemalloc(void);

#endif
