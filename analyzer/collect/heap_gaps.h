/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_HEAP_GAPS_H
#define SEEP_ANALYZER_COLLECT_HEAP_GAPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "collect/span_list.h"
#include "waits/reach.h"

/* Appends what lies between the blocks of the data segment ("[heap]") and is not the C
 * library's: memory that the program took by sbrk itself, another allocator's. Between
 * two blocks of glibc's there are whole chunks, from the one's end to the other's
 * beginning; what is no such chain is not glibc's, and counts as a root.
 *
 * heap:   the whole mapping.
 * blocks: borrowed; ascending, of the whole program; as seep_live_blocks_read has them.
 * Returns: 0; -ENOMEM. Memory that cannot be read ends a chain.
 * Allocates: a window of 64 KiB. Cost: reads the heap's chunk headers.
 * Source: glibc 2.36, malloc/malloc.c (struct malloc_chunk, sysmalloc).
 */
int seep_heap_gaps_add(uint32_t pid, struct seep_span heap,
                       const struct seep_reach_block *blocks, size_t n,
                       struct seep_span_list *roots);

/* Where an arena of glibc's that starts at `start` ends; 0: there is none. Such a mapping
 * holds chunks from there on. Cost: one read. Source: glibc 2.36, malloc/arena.c
 * (struct _heap_info; heaps start at multiples of SEEP_ARENA_ALIGN_BYTES). */
uint64_t seep_heap_arena_end(uint32_t pid, uint64_t start);
#define SEEP_ARENA_ALIGN_BYTES (UINT64_C(64) << 20)

#endif
