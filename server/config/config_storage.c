/* Defaults of what keeps data.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config_storage.h"

#include "server/base/clock.h"
#include "server/config/config.h"

#include <stdio.h>

void pma_config_storage_defaults(struct pma_config *config)
{
    snprintf(config->database.path, sizeof config->database.path, ":memory:");
    config->database.busy_timeout_ns = PMA_S_NS;
    config->database.max_bytes = (uint64_t)1024 * 1024 * 1024;
    config->database.max_document_bytes = (uint64_t)1024 * 1024;
    config->cache.max_entries = 1000;
    config->cache.max_bytes = (uint64_t)8 * 1024 * 1024;
    config->cache.ttl_ns = 300 * PMA_S_NS;
    config->cache.sweep_interval_ns = 300 * PMA_S_NS;
    snprintf(config->redis.host, sizeof config->redis.host, "127.0.0.1");
    config->redis.port = 6379;
    snprintf(config->redis.key_prefix, sizeof config->redis.key_prefix, "pma:");
    config->redis.pool_size = 10;
    config->redis.min_idle_conns = 5;
    config->redis.connect_timeout_ns = 50 * PMA_MS_NS;
    config->redis.command_timeout_ns = 50 * PMA_MS_NS;
    config->redis.wait_limit_ns = 20 * PMA_MS_NS;
    config->redis.health_interval_ns = 5 * PMA_S_NS;
    config->redis.backoff_min_ns = 100 * PMA_MS_NS;
    config->redis.backoff_max_ns = 5 * PMA_S_NS;
    config->redis.entity_cache_ttl_ns = (uint64_t)24 * 3600 * PMA_S_NS;
    config->redis.max_value_bytes = 1024 * 1024;
    config->redis.backplane = true;
    config->redis.max_queue_messages = 1000;
    config->redis.max_message_bytes = 256 * 1024;
}
