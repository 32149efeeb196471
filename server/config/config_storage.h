/* Settings of what keeps data: the sections database, cache and redis.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONFIG_STORAGE_H
#define PMA_CONFIG_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

struct pma_config;

/* Room for a path with its final NUL. */
#define PMA_CONFIG_DATABASE_PATH_BYTES 512

/* Ranges in config_keys.c. */
struct pma_config_database {
    char path[PMA_CONFIG_DATABASE_PATH_BYTES]; /* of the file; ":memory:": none */
    uint64_t busy_timeout_ns;
    uint64_t max_bytes;
    uint64_t max_document_bytes;
};

/* In this process, of documents read from the database. */
struct pma_config_cache {
    uint32_t max_entries;
    uint64_t max_bytes;
    uint64_t ttl_ns;
    uint64_t sweep_interval_ns;
};

struct pma_config_redis {
    bool enabled;
    char host[256]; /* a name or an address */
    uint32_t port;
    char password[256];
    uint32_t db;
    char key_prefix[65];
    uint32_t pool_size;
    uint32_t min_idle_conns;
    uint64_t connect_timeout_ns;
    uint64_t command_timeout_ns;
    uint64_t wait_limit_ns;
    uint64_t health_interval_ns;
    uint64_t backoff_min_ns;
    uint64_t backoff_max_ns;
    uint64_t entity_cache_ttl_ns; /* whole seconds: Redis is told seconds */
    uint32_t max_value_bytes;
    bool backplane;
    uint32_t max_queue_messages;
    uint32_t max_message_bytes;
};

/* Their defaults. Thread-safety: pure. */
void pma_config_storage_defaults(struct pma_config *config);

#endif
