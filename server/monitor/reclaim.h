/* Garbage collection for a program without a collector: every subsystem cleans up, then
 * the allocator gives unused pages back to the system.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_RECLAIM_H
#define PMA_RECLAIM_H

#include "server/monitor/memory_sample.h"

#include <stddef.h>
#include <stdint.h>

#define PMA_RECLAIM_CLEANUPS_MAX 16

struct pma_reclaim;

/* What one collection did. */
struct pma_reclaim_result {
    struct pma_memory_snapshot before, after;
    uint64_t duration_ns;
    uint64_t released_bytes; /* that became non-resident */
};

/* All collections so far. */
struct pma_reclaim_totals {
    uint64_t runs;
    uint64_t last_at_ns; /* CLOCK_MONOTONIC, 0: none yet */
    uint64_t last_duration_ns, longest_duration_ns, duration_ns; /* the last: of all */
    uint64_t last_released_bytes;
    uint64_t released_bytes;
    uint64_t since_ns; /* CLOCK_MONOTONIC, when counting began */
};

/* max_memory_usage_bytes: 100 percent of a snapshot. Returns: 0; -ENOMEM.
 * Thread-safety: any thread. Allocates. */
int pma_reclaim_new(uint64_t max_memory_usage_bytes, struct pma_reclaim **reclaim);

/* Sets what 100 percent are from now on. Thread-safety: any thread. */
void pma_reclaim_set_limit(struct pma_reclaim *reclaim, uint64_t max_memory_usage_bytes);

/* Frees it. NULL is allowed. Thread-safety: owner thread. */
void pma_reclaim_free(struct pma_reclaim *reclaim);

/* Adds a subsystem's clean-up; it is called on whichever thread collects, one at a time,
 * under PMA_LOCK_RECLAIM, within its subsystem. subsystem: a string literal. arg:
 * borrowed until the reclaim is freed. Returns: 0; -ENOSPC. Thread-safety: owner thread,
 * before the first run. */
int pma_reclaim_add(struct pma_reclaim *reclaim, const char *subsystem,
                    void (*clean_up)(void *arg), void *arg);

/* Runs all clean-ups and purges the arenas; waits while another thread does so.
 * result: may be NULL. Thread-safety: any thread, takes PMA_LOCK_RECLAIM. */
void pma_reclaim_run(struct pma_reclaim *reclaim, struct pma_reclaim_result *result);

/* Runs the clean-ups alone. Thread-safety: as pma_reclaim_run. */
void pma_reclaim_clean_up(struct pma_reclaim *reclaim);

/* A snapshot with heap_released filled. Thread-safety: any thread. */
void pma_reclaim_sample(struct pma_reclaim *reclaim,
                        struct pma_memory_snapshot *snapshot);

/* Fills *totals. Thread-safety: any thread. */
void pma_reclaim_totals_read(struct pma_reclaim *reclaim,
                             struct pma_reclaim_totals *totals);

#endif
