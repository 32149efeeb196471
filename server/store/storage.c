/* Start and stop of what keeps data, from the configuration, and its figures.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/storage.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/resources.h"
#include "server/store/backplane.h"
#include "server/store/cache.h"
#include "server/store/local_cache.h"
#include "server/store/redis_pool.h"
#include "server/store/store.h"

#include <string.h>

#define SUBSYSTEM "store"

static void read_figures(void *arg, struct pma_figures *figures)
{
    const struct pma_storage *storage = arg;
    struct pma_local_cache_figures local;
    uint32_t open = 0;
    uint32_t lent = 0;
    pma_local_cache_figures_read(storage->local_cache, &local);
    pma_figure_put(figures, "cache_forgotten", PMA_RESOURCE_OBJECT, local.forgotten);
    if (storage->max_entries > 0) {
        pma_figure_put_kept(figures, "cache_entries", local.entries,
                            storage->max_entries);
    }
    if (storage->redis_pool != NULL) {
        pma_redis_pool_count(storage->redis_pool, &open, &lent);
        pma_figure_put(figures, "redis_lent", PMA_RESOURCE_OBJECT, lent);
    }
    if (storage->backplane != NULL) {
        pma_figure_put(figures, "backplane_waiting", PMA_RESOURCE_QUEUE,
                       pma_backplane_waiting(storage->backplane));
    }
}

static int start_cache(const struct pma_config *config, struct pma_storage *storage)
{
    const struct pma_local_cache_config settings = {
        .max_entries = config->cache.max_entries,
        .max_bytes = config->cache.max_bytes,
        .ttl_ns = config->cache.ttl_ns,
        .sweep_interval_ns = config->cache.sweep_interval_ns,
    };
    const int err = pma_local_cache_new(&settings, &storage->local_cache);
    return err != 0 ? err : pma_local_cache_start(storage->local_cache);
}

static int start_store(const struct pma_config *config, struct pma_storage *storage,
                       char *why, size_t why_bytes)
{
    const struct pma_store_config settings = {
        .path = config->database.path,
        .busy_timeout_ns = config->database.busy_timeout_ns,
        .max_bytes = config->database.max_bytes,
        .max_document_bytes = config->database.max_document_bytes,
        .cache = storage->local_cache,
    };
    const int err = pma_store_open(&settings, &storage->store);
    if (err != 0) {
        pma_store_explain(err, settings.path, why, why_bytes);
    }
    return err;
}

static struct pma_redis_address redis_address(const struct pma_config *config)
{
    return (struct pma_redis_address){
        .host = config->redis.host,
        .password = config->redis.password,
        .port = config->redis.port,
        .db = config->redis.db,
        .connect_timeout_ns = config->redis.connect_timeout_ns,
        .command_timeout_ns = config->redis.command_timeout_ns,
    };
}

static int make_backplane(const struct pma_config *config, struct pma_storage *storage)
{
    const struct pma_backplane_config settings = {
        .address = redis_address(config),
        .key_prefix = config->redis.key_prefix,
        .max_queue_messages = config->redis.max_queue_messages,
        .max_message_bytes = config->redis.max_message_bytes,
        .health_interval_ns = config->redis.health_interval_ns,
        .backoff_min_ns = config->redis.backoff_min_ns,
        .backoff_max_ns = config->redis.backoff_max_ns,
    };
    return config->redis.backplane ? pma_backplane_new(&settings, &storage->backplane)
                                   : 0;
}

static int start_redis(const struct pma_config *config, struct pma_storage *storage)
{
    const struct pma_redis_pool_config pool = {
        .address = redis_address(config),
        .max_connections = config->redis.pool_size,
        .min_idle = config->redis.min_idle_conns,
        .wait_limit_ns = config->redis.wait_limit_ns,
        .health_interval_ns = config->redis.health_interval_ns,
        .backoff_min_ns = config->redis.backoff_min_ns,
        .backoff_max_ns = config->redis.backoff_max_ns,
    };
    const struct pma_cache_config cache = {
        .key_prefix = config->redis.key_prefix,
        .default_ttl_s = (uint32_t)(config->redis.entity_cache_ttl_ns / PMA_S_NS),
        .max_value_bytes = config->redis.max_value_bytes,
    };
    if (!config->redis.enabled) {
        return 0;
    }
    int err = pma_redis_pool_new(&pool, &storage->redis_pool);
    err = err != 0 ? err : pma_cache_new(&cache, storage->redis_pool, &storage->cache);
    err = err != 0 ? err : make_backplane(config, storage);
    return err != 0 ? err : pma_redis_pool_start(storage->redis_pool);
}

int pma_storage_start(const struct pma_config *config, struct pma_storage *storage,
                      char *why, size_t why_bytes)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    storage->max_entries = config->cache.max_entries;
    int err = start_cache(config, storage);
    err = err != 0 ? err : start_store(config, storage, why, why_bytes);
    err = err != 0 ? err : start_redis(config, storage);
    return err != 0 ? err : pma_resource_add(SUBSYSTEM, read_figures, storage);
}

int pma_storage_start_backplane(struct pma_storage *storage)
{
    return storage->backplane != NULL ? pma_backplane_start(storage->backplane) : 0;
}

void pma_storage_sweep(void *arg)
{
    const struct pma_storage *storage = arg;
    pma_local_cache_sweep(storage->local_cache);
}

int pma_storage_stop(struct pma_storage *storage, uint64_t timeout_ns)
{
    int err = pma_backplane_stop(storage->backplane, timeout_ns);
    int other = 0;
    if (storage->redis_pool != NULL) {
        other = pma_redis_pool_stop(storage->redis_pool, timeout_ns);
        err = err != 0 ? err : other;
    }
    other = pma_local_cache_stop(storage->local_cache, timeout_ns);
    return err != 0 ? err : other;
}

void pma_storage_free(struct pma_storage *storage)
{
    pma_resource_forget(storage);
    pma_backplane_free(storage->backplane);
    pma_cache_free(storage->cache);
    pma_redis_pool_free(storage->redis_pool);
    pma_store_close(storage->store);
    pma_local_cache_free(storage->local_cache);
    memset(storage, 0, sizeof *storage);
}
