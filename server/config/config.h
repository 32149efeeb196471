/* The server's configuration: every limit and interval, from four sources.
 *
 * Later sources win: defaults, the YAML file, the environment (PORT, LOG_LEVEL,
 * DATABASE_PATH, JWT_SECRET, OPENAI_API_KEY, CLAUDE_API_KEY, GEMINI_API_KEY, PMA_FAULTS,
 * PMA_FIXES), fixes that are off, the command line (--set key.path=value). Durations are
 * written as 250ms, 30s, 5m, 1h or combined (1h30m); sizes as bytes or with KiB, MiB,
 * GiB.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONFIG_H
#define PMA_CONFIG_H

#include "server/ai/ai_config.h"
#include "server/config/config_access.h"
#include "server/config/config_house.h"
#include "server/config/config_mcp_settings.h"
#include "server/config/config_memory.h"
#include "server/config/config_storage.h"
#include "server/fault/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every setting; docs in configs/pma-backend.yaml, ranges in config_keys.c. */
struct pma_config {
    struct {
        char host[64]; /* numeric IPv4 or IPv6 address, "localhost" for 127.0.0.1 */
        uint32_t port; /* 0: the system chooses */
        uint64_t shutdown_timeout_ns; /* from the signal to the end of the process */
    } server;
    struct {
        uint32_t max_head_bytes;  /* of a request's line and headers */
        uint64_t head_timeout_ns; /* from accept to the end of the head */
        uint32_t max_pending;     /* connections whose head is not complete */
        uint32_t max_pending_per_address;
    } acceptor;
    struct {
        uint32_t threads;
        uint32_t max_connections;
        uint32_t max_url_bytes;   /* path and query */
        uint64_t max_body_bytes;  /* of a request */
        uint64_t idle_timeout_ns; /* whole seconds: libmicrohttpd counts in them */
        uint64_t read_timeout_ns; /* for the whole body of a request */
        uint32_t max_headers;
        uint32_t later_threads; /* for requests that wait for others */
        uint32_t later_queue;   /* of such requests; one more gets 503 */
        uint32_t max_connections_per_address;
        uint64_t write_timeout_ns; /* for a reply that is no stream */
    } http;
    struct {
        int level; /* enum pma_level */
        uint32_t access_batch;
        uint64_t access_batch_age_ns;
        uint32_t max_log_entries; /* kept for GET system/logs */
    } logging;
    struct {
        uint32_t max_clients;
        uint64_t client_timeout_ns;
        uint64_t cleanup_interval_ns;
        uint32_t send_queue_messages;
        uint32_t max_queue_messages;
        uint64_t ping_interval_ns;
        uint64_t pong_timeout_ns;
        uint64_t heartbeat_interval_ns;
        uint32_t max_message_bytes;
        bool preallocate_buffers;
    } websocket;
    struct pma_config_monitor memory_monitor;
    struct pma_config_database database;
    struct pma_config_cache cache;
    struct pma_config_redis redis;
    struct pma_config_auth auth;
    struct pma_config_security security;
    struct pma_config_events events;
    struct pma_config_debug debug;
    struct pma_config_metrics metrics;
    struct pma_config_mcp mcp;
    struct pma_config_pools memory_pools;
    struct pma_config_entities entities;
    struct pma_config_simulated simulated;
    struct pma_ai_config ai;
    struct pma_fault_setting faults[PMA_FAULT_END]; /* by enum pma_fault */
    uint64_t fixes_off; /* a bit per fix of server/fault/fixes.h that is off */
};

/* How many problems are kept; more are only counted. */
#define PMA_CONFIG_PROBLEMS_MAX 64

/* Everything that is wrong with a configuration, found in one pass. */
struct pma_config_problems {
    size_t count; /* all of them, also those beyond PMA_CONFIG_PROBLEMS_MAX */
    struct {
        unsigned line;  /* of the file, from 1; 0: not from the file */
        char text[240]; /* "websocket.max_client: unknown key; did you mean max_clients?"
                         */
    } items[PMA_CONFIG_PROBLEMS_MAX];
};

/* The defaults, which are those of the document. Thread-safety: pure. */
void pma_config_defaults(struct pma_config *config);

/* Reads a YAML file over *config. Problems are added, never printed; what is valid is
 * taken all the same. Returns: 0, also with problems; -errno when the file cannot be
 * read, -EFBIG when it has more than 1 MiB, -EINVAL when it is not YAML (said in
 * *problems). Thread-safety: pure. */
int pma_config_read_file(const char *path, struct pma_config *config,
                         struct pma_config_problems *problems);

/* As pma_config_read_file, from memory. */
int pma_config_read_text(const char *text, size_t text_bytes, struct pma_config *config,
                         struct pma_config_problems *problems);

/* Takes one setting: key "websocket.max_clients", value as in the file. `origin`
 * ("--set", "PORT") begins the text of a problem. Thread-safety: pure. */
void pma_config_set(struct pma_config *config, const char *key, const char *value,
                    const char *origin, struct pma_config_problems *problems);

/* Takes PORT, LOG_LEVEL, DATABASE_PATH, the three API keys, PMA_FAULTS (ids separated by
 * commas, each as ID, ID@RATE or ID@RATE/LIMIT) and PMA_FIXES from the environment.
 * Thread-safety: nobody may change the environment meanwhile. */
void pma_config_read_environment(struct pma_config *config,
                                 struct pma_config_problems *problems);

/* Checks what concerns more than one setting (a timeout below its interval).
 * Thread-safety: pure. */
void pma_config_check(const struct pma_config *config,
                      struct pma_config_problems *problems);

#endif
