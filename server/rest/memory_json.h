/* Parts of the memory API's replies that several of its handlers share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MEMORY_JSON_H
#define PMA_MEMORY_JSON_H

#include "server/monitor/memory_sample.h"
#include "server/monitor/pressure.h"
#include "server/pool/pool.h"

#include <jansson.h>

struct pma_app;
struct pma_reclaim_totals;

/* All owned by the caller, NULL without memory. Thread-safety: any thread. Allocates. */

/* A snapshot with its timestamp. */
json_t *pma_snapshot_json(const struct pma_memory_snapshot *snapshot);

/* The original's PoolStats. */
json_t *pma_pool_json(enum pma_pool_id id);

/* {name: PoolStats}. */
json_t *pma_pools_json(void);

/* [MemoryLeak]: what the rules find in the history, with the call sites that grew most
 * when libseep is preloaded. Cost: O(history + sites x threads). */
json_t *pma_leaks_json(const struct pma_app *app);

/* {heap_size, heap_in_use, heap_utilization, num_goroutines, gc_pause_time, alloc_rate,
 * gc_frequency} of this moment; *now: out. */
json_t *pma_memory_figures_json(const struct pma_app *app,
                                struct pma_memory_snapshot *now);

/* Bytes allocated per second since the monitor's last snapshot, since the start without.
 */
double pma_alloc_rate_per_s(const struct pma_app *app,
                            const struct pma_memory_snapshot *now);

/* Collections per second so far. Over a minute at least: one collection right after the
 * start is not a hundred per second, and no reason for a health score of 0. */
double pma_collections_per_s(const struct pma_reclaim_totals *gc, uint64_t now_ns);

/* 100 for a process in good health, down to 0: 2 off per percent of memory use above 80,
 * 10, 20, 40 off at medium, high, critical pressure, 10 per 0.1 collections a second
 * above 0.1, and 0.5 per ms of the last collection above 10. Thread-safety: pure.
 * Source: the first implementation; there the use was that of the heap's own pages, which
 * is near 100 for any good allocator. */
double pma_health_score(double usage_percent, enum pma_pressure_level level,
                        double collections_per_s, double pause_ms);

/* The same of this moment. */
double pma_health_score_now(const struct pma_app *app,
                            const struct pma_memory_snapshot *now);

#endif
