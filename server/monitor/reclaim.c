/* One collection at a time.
 *
 * Two locks: `running` is held across the clean-ups, so that a second caller waits for a
 * collection instead of doubling it; `totals_lock` guards the figures alone, so that
 * reading statistics never waits for a collection.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/reclaim.h"

#include "seep/seep.h"
#include "server/arena/arena.h"
#include "server/base/clock.h"
#include "server/metrics/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct clean_up {
    const char *subsystem;
    void (*run)(void *arg);
    void *arg;
};

struct pma_reclaim {
    _Atomic uint64_t max_memory_usage_bytes; /* a number of its own: relaxed */
    struct clean_up clean_ups[PMA_RECLAIM_CLEANUPS_MAX];
    size_t clean_ups_count;
    pthread_mutex_t running;     /* PMA_LOCK_RECLAIM */
    pthread_mutex_t totals_lock; /* PMA_LOCK_RECLAIM_TOTALS: totals */
    struct pma_reclaim_totals totals;
};

int pma_reclaim_new(uint64_t max_memory_usage_bytes, struct pma_reclaim **reclaim)
{
    struct pma_reclaim *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    atomic_init(&fresh->max_memory_usage_bytes, max_memory_usage_bytes);
    fresh->totals.since_ns = pma_now_ns();
    pthread_mutex_init(&fresh->running, NULL);
    pthread_mutex_init(&fresh->totals_lock, NULL);
    *reclaim = fresh;
    return 0;
}

void pma_reclaim_set_limit(struct pma_reclaim *reclaim, uint64_t max_memory_usage_bytes)
{
    atomic_store_explicit(&reclaim->max_memory_usage_bytes, max_memory_usage_bytes,
                          memory_order_relaxed);
}

void pma_reclaim_free(struct pma_reclaim *reclaim)
{
    if (reclaim == NULL) {
        return;
    }
    pthread_mutex_destroy(&reclaim->totals_lock);
    pthread_mutex_destroy(&reclaim->running);
    free(reclaim);
}

int pma_reclaim_add(struct pma_reclaim *reclaim, const char *subsystem,
                    void (*clean_up)(void *arg), void *arg)
{
    if (reclaim->clean_ups_count == PMA_RECLAIM_CLEANUPS_MAX) {
        return -ENOSPC;
    }
    reclaim->clean_ups[reclaim->clean_ups_count++] =
        (struct clean_up){.subsystem = subsystem, .run = clean_up, .arg = arg};
    return 0;
}

/* Under `running`. */
static void clean_up_all(struct pma_reclaim *reclaim)
{
    for (size_t i = 0; i < reclaim->clean_ups_count; i++) {
        SEEP_SUBSYSTEM(reclaim->clean_ups[i].subsystem);
        reclaim->clean_ups[i].run(reclaim->clean_ups[i].arg);
    }
}

void pma_reclaim_run(struct pma_reclaim *reclaim, struct pma_reclaim_result *result)
{
    struct pma_reclaim_result done;
    pthread_mutex_lock(&reclaim->running);
    pma_reclaim_sample(reclaim, &done.before);
    const uint64_t begin_ns = pma_now_ns();
    clean_up_all(reclaim);
    done.released_bytes = pma_heap_purge();
    done.duration_ns = pma_now_ns() - begin_ns;

    pthread_mutex_lock(&reclaim->totals_lock);
    reclaim->totals.runs++;
    reclaim->totals.last_at_ns = begin_ns;
    reclaim->totals.last_duration_ns = done.duration_ns;
    reclaim->totals.duration_ns += done.duration_ns;
    if (done.duration_ns > reclaim->totals.longest_duration_ns) {
        reclaim->totals.longest_duration_ns = done.duration_ns;
    }
    reclaim->totals.last_released_bytes = done.released_bytes;
    reclaim->totals.released_bytes += done.released_bytes;
    pthread_mutex_unlock(&reclaim->totals_lock);

    pma_metric_add(PMA_METRIC_COLLECTIONS, 1, PMA_NO_LABELS);
    pma_reclaim_sample(reclaim, &done.after);
    pthread_mutex_unlock(&reclaim->running);
    if (result != NULL) {
        *result = done;
    }
}

void pma_reclaim_clean_up(struct pma_reclaim *reclaim)
{
    pthread_mutex_lock(&reclaim->running);
    clean_up_all(reclaim);
    pthread_mutex_unlock(&reclaim->running);
}

void pma_reclaim_sample(struct pma_reclaim *reclaim, struct pma_memory_snapshot *snapshot)
{
    struct pma_reclaim_totals totals;
    pma_reclaim_totals_read(reclaim, &totals);
    pma_memory_sample(
        atomic_load_explicit(&reclaim->max_memory_usage_bytes, memory_order_relaxed),
        totals.released_bytes, snapshot);
}

void pma_reclaim_totals_read(struct pma_reclaim *reclaim,
                             struct pma_reclaim_totals *totals)
{
    pthread_mutex_lock(&reclaim->totals_lock);
    *totals = reclaim->totals;
    pthread_mutex_unlock(&reclaim->totals_lock);
}
