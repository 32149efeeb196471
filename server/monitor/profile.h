/* Profiles of this process in the text that pprof reads, and the call sites behind them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_PROFILE_H
#define PMA_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_buffer;

/* The heap: a line per call site with its stack when libseep is preloaded; else a line
 * per subsystem's arena, without stacks. Ends with the memory map, as pprof wants it.
 * Thread-safety: any thread. Allocates. Cost: O(sites x threads).
 * Source: google-pprof's and Go's legacy heap format; "heap_v2/1" says that nothing was
 * sampled. */
void pma_profile_heap(struct pma_buffer *text);

enum pma_profile_format {
    PMA_PROFILE_NONE = 0,
    PMA_PROFILE_COUNTS = 1, /* "goroutine profile: total N": go tool pprof, scripts */
    PMA_PROFILE_HEAP = 2, /* as a heap of one-byte objects: google-pprof knows no other */
};

/* The threads, a line each: where it is now (program counter, when the kernel tells) and,
 * of a worker, its function; beside it a comment "# goroutine TID [state] NAME".
 * Thread-safety: any thread. Allocates. Cost: reads three files of /proc per thread. */
void pma_profile_threads(struct pma_buffer *text, enum pma_profile_format format);

#endif
