/* All that keeps data, started and stopped together: the database with its cache in this
 * process, and, when Redis is switched on, the pool, the shared cache and the
 * backplane.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_STORAGE_H
#define PMA_STORAGE_H

#include "server/config/config.h"

#include <stddef.h>
#include <stdint.h>

struct pma_backplane;
struct pma_cache;
struct pma_local_cache;
struct pma_redis_pool;
struct pma_store;

/* Constant once started; owned by pma_storage_start and pma_storage_free. */
struct pma_storage {
    struct pma_store *store;
    struct pma_local_cache *local_cache;
    struct pma_redis_pool *redis_pool; /* NULL: Redis is switched off */
    struct pma_cache *cache;           /* likewise */
    struct pma_backplane *backplane;   /* likewise, or redis.backplane is off */
    uint32_t max_entries;              /* of local_cache */
};

/* Opens and starts everything. Redis need not be there.
 *
 * config: borrowed until pma_storage_free. storage: out, zeroed by the caller; what was
 * started stays in it on error too, for pma_storage_stop and pma_storage_free. why: out
 * when the database is at fault: what, where and what to do.
 * Returns: 0; as pma_store_open; -ENOMEM; -EAGAIN. Thread-safety: owner thread.
 * Allocates. */
int pma_storage_start(const struct pma_config *config, struct pma_storage *storage,
                      char *why, size_t why_bytes);

/* Starts the backplane, once its listeners are known. Returns: 0; as pma_worker_start.
 * Thread-safety: owner thread. */
int pma_storage_start_backplane(struct pma_storage *storage);

/* Sweeps the cache in this process. arg: struct pma_storage. For pma_reclaim_add. */
void pma_storage_sweep(void *arg);

/* Joins the threads and closes the connections to Redis; the database can be used until
 * pma_storage_free. Returns: as pma_worker_stop. Thread-safety: owner thread. */
int pma_storage_stop(struct pma_storage *storage, uint64_t timeout_ns);

/* Closes the database and frees everything. Thread-safety: owner thread, after stop, when
 * no other uses it. */
void pma_storage_free(struct pma_storage *storage);

#endif
