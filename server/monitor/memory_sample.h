/* What the process uses at this instant: heap, threads, share of the allowed memory.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MEMORY_SAMPLE_H
#define PMA_MEMORY_SAMPLE_H

#include <stdint.h>

/* The names are those of the API, which are Go's; what each means here is said beside it.
 */
struct pma_memory_snapshot {
    uint64_t at_ns;   /* CLOCK_MONOTONIC */
    uint64_t wall_us; /* since 1970, UTC */
    uint64_t
        heap_alloc; /* bytes the program holds: libseep's count, else the allocator's */
    uint64_t heap_sys;      /* bytes of address space the allocator has mapped */
    uint64_t heap_idle;     /* resident bytes in no active page */
    uint64_t heap_inuse;    /* bytes of active pages */
    uint64_t heap_released; /* bytes given back by all collections so far */
    uint64_t heap_objects;  /* live blocks; 0 without libseep */
    uint64_t heap_metadata; /* the allocator's own bytes */
    uint64_t heap_total;    /* bytes ever allocated; 0 without jemalloc */
    uint64_t resident;      /* VmRSS, bytes */
    uint64_t stack;         /* VmStk of the main thread, bytes */
    uint32_t goroutines;    /* threads */
    uint32_t fds;           /* open descriptors */
    uint32_t timers;        /* POSIX timers that exist */
    uint64_t
        queue_items; /* messages that wait in the hub; filled by the monitor's hook */
    double memory_usage_percent; /* heap_alloc of max_memory_usage */
};

/* Takes a snapshot. max_memory_usage_bytes: what counts as 100 percent; from 1.
 * heap_released_bytes: copied into the snapshot. What /proc refuses is 0.
 * Thread-safety: any thread. Allocates: a buffer for the time of the call. Cost: reads
 * /proc/self/status, fd and timers, and with libseep O(sites x threads). */
void pma_memory_sample(uint64_t max_memory_usage_bytes, uint64_t heap_released_bytes,
                       struct pma_memory_snapshot *snapshot);

/* The number of threads of the process, 0 when /proc is not there.
 * Thread-safety: any thread. */
uint32_t pma_thread_count(void);

/* The number of open file descriptors, 0 when /proc is not there.
 * Thread-safety: any thread. Allocates. Cost: O(open descriptors). */
uint32_t pma_fd_count(void);

/* The number of POSIX timers (timer_create), 0 when the kernel does not tell.
 * Thread-safety: any thread. Allocates. Cost: O(timers). Source: proc(5),
 * /proc/pid/timers.
 */
uint32_t pma_timer_count(void);

#endif
