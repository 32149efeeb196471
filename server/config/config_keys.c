/* The keys, one row each: adding a setting is a field in struct pma_config, a default and
 * a row here.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config_keys.h"

#include "server/ai/ai_keys.h"
#include "server/base/clock.h"
#include "server/config/config_value.h"
#include "server/log/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AT(member)  offsetof(struct pma_config, member)
#define HOUR_NS     (3600 * PMA_S_NS)
#define KIB         ((uint64_t)1024)
#define MIB         (1024 * KIB)
#define PATH_LENGTH 96

static const struct pma_config_key keys[] = {
    {"server.host", PMA_VALUE_ADDRESS, AT(server.host), 0, 0},
    {"server.port", PMA_VALUE_COUNT, AT(server.port), 0, 65535},
    {"server.shutdown_timeout", PMA_VALUE_DURATION, AT(server.shutdown_timeout_ns),
     100 * PMA_MS_NS, 60 * PMA_S_NS},

    {"acceptor.max_head_bytes", PMA_VALUE_BYTES_32, AT(acceptor.max_head_bytes), 256,
     64 * KIB},
    {"acceptor.head_timeout", PMA_VALUE_DURATION, AT(acceptor.head_timeout_ns),
     10 * PMA_MS_NS, HOUR_NS},
    {"acceptor.max_pending", PMA_VALUE_COUNT, AT(acceptor.max_pending), 1, 65536},

    {"acceptor.max_pending_per_address", PMA_VALUE_COUNT,
     AT(acceptor.max_pending_per_address), 1, 65536},

    {"http.threads", PMA_VALUE_COUNT, AT(http.threads), 1, 64},
    {"http.max_connections", PMA_VALUE_COUNT, AT(http.max_connections), 1, 65536},
    {"http.max_url_bytes", PMA_VALUE_BYTES_32, AT(http.max_url_bytes), 64, 32 * KIB},
    {"http.max_body_bytes", PMA_VALUE_BYTES, AT(http.max_body_bytes), 1, 1024 * MIB},
    {"http.idle_timeout", PMA_VALUE_DURATION, AT(http.idle_timeout_ns), PMA_S_NS,
     HOUR_NS},
    {"http.max_connections_per_address", PMA_VALUE_COUNT,
     AT(http.max_connections_per_address), 1, 65536},
    {"http.write_timeout", PMA_VALUE_DURATION, AT(http.write_timeout_ns), PMA_MS_NS,
     HOUR_NS},
    {"http.max_headers", PMA_VALUE_COUNT, AT(http.max_headers), 8, 10000},
    {"http.read_timeout", PMA_VALUE_DURATION, AT(http.read_timeout_ns), PMA_MS_NS,
     HOUR_NS},
    {"http.later_threads", PMA_VALUE_COUNT, AT(http.later_threads), 1, 64},
    {"http.later_queue", PMA_VALUE_COUNT, AT(http.later_queue), 0, 65536},

    {"logging.access_batch", PMA_VALUE_COUNT, AT(logging.access_batch), 0, 1000000},
    {"logging.access_batch_age", PMA_VALUE_DURATION, AT(logging.access_batch_age_ns),
     PMA_MS_NS, 24 * HOUR_NS},
    {"logging.max_log_entries", PMA_VALUE_COUNT, AT(logging.max_log_entries), 0, 100000},
    {"logging.level", PMA_VALUE_LEVEL, AT(logging.level), 0, 0},

    {"websocket.max_clients", PMA_VALUE_COUNT, AT(websocket.max_clients), 1, 1000000},
    {"websocket.client_timeout", PMA_VALUE_DURATION, AT(websocket.client_timeout_ns),
     10 * PMA_MS_NS, 24 * HOUR_NS},
    {"websocket.cleanup_interval", PMA_VALUE_DURATION, AT(websocket.cleanup_interval_ns),
     10 * PMA_MS_NS, 24 * HOUR_NS},
    {"websocket.send_queue_messages", PMA_VALUE_COUNT, AT(websocket.send_queue_messages),
     1, 1000000},
    {"websocket.max_queue_messages", PMA_VALUE_COUNT, AT(websocket.max_queue_messages), 1,
     1000000},
    {"websocket.ping_interval", PMA_VALUE_DURATION, AT(websocket.ping_interval_ns),
     10 * PMA_MS_NS, 24 * HOUR_NS},
    {"websocket.pong_timeout", PMA_VALUE_DURATION, AT(websocket.pong_timeout_ns),
     10 * PMA_MS_NS, 24 * HOUR_NS},
    {"websocket.heartbeat_interval", PMA_VALUE_DURATION,
     AT(websocket.heartbeat_interval_ns), 10 * PMA_MS_NS, 24 * HOUR_NS},
    {"websocket.max_message_bytes", PMA_VALUE_BYTES_32, AT(websocket.max_message_bytes),
     64, 16 * MIB},
    {"websocket.preallocate_buffers", PMA_VALUE_BOOL, AT(websocket.preallocate_buffers),
     0, 0},

    {"memory_monitor.enabled", PMA_VALUE_BOOL, AT(memory_monitor.enabled), 0, 0},
    {"memory_monitor.max_memory_usage", PMA_VALUE_BYTES,
     AT(memory_monitor.max_memory_usage_bytes), 1, UINT64_MAX},
    {"memory_monitor.max_goroutines", PMA_VALUE_COUNT, AT(memory_monitor.max_goroutines),
     1, UINT32_MAX},
    {"memory_monitor.max_heap_alloc", PMA_VALUE_BYTES,
     AT(memory_monitor.max_heap_alloc_bytes), 1, UINT64_MAX},
    {"memory_monitor.check_interval", PMA_VALUE_DURATION,
     AT(memory_monitor.check_interval_ns), 10 * PMA_MS_NS, 24 * HOUR_NS},
    {"memory_monitor.cleanup_interval", PMA_VALUE_DURATION,
     AT(memory_monitor.cleanup_interval_ns), 10 * PMA_MS_NS, 24 * HOUR_NS},
    {"memory_monitor.max_history_size", PMA_VALUE_COUNT,
     AT(memory_monitor.max_history_size), 1, 100000},
    {"memory_monitor.memory_alert_percent", PMA_VALUE_PERCENT,
     AT(memory_monitor.memory_alert_percent), 1, 100},
    {"memory_monitor.dynamic_limits", PMA_VALUE_BOOL, AT(memory_monitor.dynamic_limits),
     0, 0},
    {"memory_monitor.dynamic_limit_percent", PMA_VALUE_PERCENT,
     AT(memory_monitor.dynamic_limit_percent), 1, 100},
    {"memory_monitor.cgroup_root", PMA_VALUE_TEXT, AT(memory_monitor.cgroup_root), 0,
     400},
    {"memory_monitor.pressure_interval", PMA_VALUE_DURATION,
     AT(memory_monitor.pressure_interval_ns), 10 * PMA_MS_NS, 24 * HOUR_NS},
    {"memory_monitor.optimize_interval", PMA_VALUE_DURATION,
     AT(memory_monitor.optimize_interval_ns), 10 * PMA_MS_NS, 24 * HOUR_NS},

    {"database.path", PMA_VALUE_TEXT, AT(database.path), 1,
     PMA_CONFIG_DATABASE_PATH_BYTES - 1},
    {"database.busy_timeout", PMA_VALUE_DURATION, AT(database.busy_timeout_ns), PMA_MS_NS,
     60 * PMA_S_NS},
    {"database.max_bytes", PMA_VALUE_BYTES, AT(database.max_bytes), 64 * KIB,
     MIB * 1024 * 1024},
    {"database.max_document_bytes", PMA_VALUE_BYTES, AT(database.max_document_bytes), 64,
     256 * MIB},

    {"events.max_clients", PMA_VALUE_COUNT, AT(events.max_clients), 1, 10000},
    {"events.queue_events", PMA_VALUE_COUNT, AT(events.queue_events), 4, 10000},
    {"events.heartbeat_interval", PMA_VALUE_DURATION, AT(events.heartbeat_interval_ns),
     10 * PMA_MS_NS, HOUR_NS},
    {"events.keepalive_interval", PMA_VALUE_DURATION, AT(events.keepalive_interval_ns), 0,
     HOUR_NS},
    {"events.figures_interval", PMA_VALUE_DURATION, AT(events.figures_interval_ns),
     10 * PMA_MS_NS, HOUR_NS},

    {"debug.port", PMA_VALUE_COUNT, AT(debug.port), 0, 65535},

    {"metrics.max_series", PMA_VALUE_COUNT, AT(metrics.max_series), 1, 256},

    {"memory_pools.buffer", PMA_VALUE_COUNT, AT(memory_pools.buffer), 0, 4096},
    {"memory_pools.json_response", PMA_VALUE_COUNT, AT(memory_pools.json_response), 0,
     4096},
    {"memory_pools.string_builder", PMA_VALUE_COUNT, AT(memory_pools.string_builder), 0,
     4096},
    {"memory_pools.byte_slice_small", PMA_VALUE_COUNT, AT(memory_pools.byte_slice_small),
     0, 4096},
    {"memory_pools.byte_slice_medium", PMA_VALUE_COUNT,
     AT(memory_pools.byte_slice_medium), 0, 4096},
    {"memory_pools.byte_slice_large", PMA_VALUE_COUNT, AT(memory_pools.byte_slice_large),
     0, 4096},

    {"entities.max_entities", PMA_VALUE_COUNT, AT(entities.max_entities), 1, 1000000},
    {"entities.max_rooms", PMA_VALUE_COUNT, AT(entities.max_rooms), 1, 100000},
    {"entities.max_entity_bytes", PMA_VALUE_BYTES_32, AT(entities.max_entity_bytes), 512,
     MIB},
    {"entities.history_states", PMA_VALUE_COUNT, AT(entities.history_states), 1, 1000000},
    {"entities.history_age", PMA_VALUE_DURATION, AT(entities.history_age_ns), 0,
     8784 * HOUR_NS},
    {"entities.cleanup_interval", PMA_VALUE_DURATION, AT(entities.cleanup_interval_ns),
     10 * PMA_MS_NS, 24 * HOUR_NS},

    {"cache.max_entries", PMA_VALUE_COUNT, AT(cache.max_entries), 0, 1000000},
    {"cache.max_bytes", PMA_VALUE_BYTES, AT(cache.max_bytes), 0, MIB * 1024 * 64},
    {"cache.ttl", PMA_VALUE_DURATION, AT(cache.ttl_ns), PMA_MS_NS, 24 * HOUR_NS},
    {"cache.sweep_interval", PMA_VALUE_DURATION, AT(cache.sweep_interval_ns),
     10 * PMA_MS_NS, 24 * HOUR_NS},

    {"redis.enabled", PMA_VALUE_BOOL, AT(redis.enabled), 0, 0},
    {"redis.host", PMA_VALUE_TEXT, AT(redis.host), 1, 255},
    {"redis.port", PMA_VALUE_COUNT, AT(redis.port), 1, 65535},
    {"redis.password", PMA_VALUE_SECRET, AT(redis.password), 0, 255},
    {"redis.db", PMA_VALUE_COUNT, AT(redis.db), 0, 65535},
    {"redis.key_prefix", PMA_VALUE_TEXT, AT(redis.key_prefix), 1, 64},
    {"redis.pool_size", PMA_VALUE_COUNT, AT(redis.pool_size), 1, 256},
    {"redis.min_idle_conns", PMA_VALUE_COUNT, AT(redis.min_idle_conns), 0, 256},
    {"redis.connect_timeout", PMA_VALUE_DURATION, AT(redis.connect_timeout_ns), PMA_MS_NS,
     PMA_S_NS},
    {"redis.command_timeout", PMA_VALUE_DURATION, AT(redis.command_timeout_ns), PMA_MS_NS,
     PMA_S_NS},
    {"redis.wait_limit", PMA_VALUE_DURATION, AT(redis.wait_limit_ns), 0, PMA_S_NS},
    {"redis.health_interval", PMA_VALUE_DURATION, AT(redis.health_interval_ns),
     10 * PMA_MS_NS, HOUR_NS},
    {"redis.backoff_min", PMA_VALUE_DURATION, AT(redis.backoff_min_ns), PMA_MS_NS,
     60 * PMA_S_NS},
    {"redis.backoff_max", PMA_VALUE_DURATION, AT(redis.backoff_max_ns), PMA_MS_NS,
     HOUR_NS},
    {"redis.entity_cache_ttl", PMA_VALUE_DURATION, AT(redis.entity_cache_ttl_ns),
     PMA_S_NS, 8784 * HOUR_NS},
    {"redis.max_value_bytes", PMA_VALUE_BYTES_32, AT(redis.max_value_bytes), 64,
     256 * MIB},
    {"redis.backplane", PMA_VALUE_BOOL, AT(redis.backplane), 0, 0},
    {"redis.max_queue_messages", PMA_VALUE_COUNT, AT(redis.max_queue_messages), 1,
     1000000},
    {"redis.max_message_bytes", PMA_VALUE_BYTES_32, AT(redis.max_message_bytes), 256,
     16 * MIB},

    {"mcp.enabled", PMA_VALUE_BOOL, AT(mcp.enabled), 0, 0},
    {"mcp.register_servers", PMA_VALUE_BOOL, AT(mcp.register_servers), 0, 0},
    {"mcp.max_servers", PMA_VALUE_COUNT, AT(mcp.max_servers), 0, 64},
    {"mcp.max_calls", PMA_VALUE_COUNT, AT(mcp.max_calls), 1, 64},
    {"mcp.max_tools", PMA_VALUE_COUNT, AT(mcp.max_tools), 1, 10000},
    {"mcp.max_line_bytes", PMA_VALUE_BYTES_32, AT(mcp.max_line_bytes), KIB, 256 * MIB},
    {"mcp.call_timeout", PMA_VALUE_DURATION, AT(mcp.call_timeout_ns), PMA_MS_NS,
     600 * PMA_S_NS},
    {"mcp.start_timeout", PMA_VALUE_DURATION, AT(mcp.start_timeout_ns), 10 * PMA_MS_NS,
     HOUR_NS},
    {"mcp.stop_grace", PMA_VALUE_DURATION, AT(mcp.stop_grace_ns), PMA_MS_NS,
     60 * PMA_S_NS},
    {"mcp.restart_backoff", PMA_VALUE_DURATION, AT(mcp.restart_backoff_ns), PMA_MS_NS,
     HOUR_NS},
    {"mcp.restart_backoff_max", PMA_VALUE_DURATION, AT(mcp.restart_backoff_max_ns),
     PMA_MS_NS, 24 * HOUR_NS},
    {"mcp.max_executions", PMA_VALUE_COUNT, AT(mcp.max_executions), 1, 1000000},
    {"mcp.execution_max_age", PMA_VALUE_DURATION, AT(mcp.execution_max_age_ns), 0,
     8784 * HOUR_NS},
    {"mcp.max_execution_bytes", PMA_VALUE_BYTES_32, AT(mcp.max_execution_bytes), 64,
     16 * MIB},
    {"mcp.cleanup_interval", PMA_VALUE_DURATION, AT(mcp.cleanup_interval_ns),
     10 * PMA_MS_NS, 24 * HOUR_NS},
    {"mcp.context_max_age", PMA_VALUE_DURATION, AT(mcp.context_max_age_ns), 0,
     8784 * HOUR_NS},
    {"mcp.max_automations", PMA_VALUE_COUNT, AT(mcp.max_automations), 1, 10000},
    {"mcp.max_automation_runs", PMA_VALUE_COUNT, AT(mcp.max_automation_runs), 1, 1000000},
    {"mcp.automation_cooldown", PMA_VALUE_DURATION, AT(mcp.automation_cooldown_ns), 0,
     24 * HOUR_NS},

    {"security.rate_limiting.enabled", PMA_VALUE_BOOL, AT(security.rate_limiting.enabled),
     0, 0},
    {"security.rate_limiting.requests_per_minute", PMA_VALUE_COUNT,
     AT(security.rate_limiting.requests_per_minute), 1, 10000000},
    {"security.rate_limiting.burst_size", PMA_VALUE_COUNT,
     AT(security.rate_limiting.burst_size), 1, 1000000},
    {"security.rate_limiting.max_clients", PMA_VALUE_COUNT,
     AT(security.rate_limiting.max_clients), 1, 1000000},

    {"entities.list_timeout", PMA_VALUE_DURATION, AT(entities.list_timeout_ns), 0,
     10 * PMA_S_NS},
    {"entities.refresh_delay", PMA_VALUE_DURATION, AT(entities.refresh_delay_ns), 0,
     10 * PMA_S_NS},
    {"entities.flush_interval", PMA_VALUE_DURATION, AT(entities.flush_interval_ns),
     PMA_MS_NS, HOUR_NS},
    {"entities.reconcile_interval", PMA_VALUE_DURATION,
     AT(entities.reconcile_interval_ns), 10 * PMA_MS_NS, 24 * HOUR_NS},
    {"entities.sync_interval", PMA_VALUE_DURATION, AT(entities.sync_interval_ns),
     10 * PMA_MS_NS, 24 * HOUR_NS},
    {"entities.sync_timeout", PMA_VALUE_DURATION, AT(entities.sync_timeout_ns), PMA_MS_NS,
     24 * HOUR_NS},
    {"entities.sync_batch", PMA_VALUE_COUNT, AT(entities.sync_batch), 1, 1000000},

    {"simulated.devices", PMA_VALUE_COUNT, AT(simulated.devices), 0, 1000000},
    {"simulated.change_interval", PMA_VALUE_DURATION, AT(simulated.change_interval_ns), 0,
     24 * HOUR_NS},
    {"simulated.reconnect_interval", PMA_VALUE_DURATION,
     AT(simulated.reconnect_interval_ns), 0, 24 * HOUR_NS},
    {"simulated.retry", PMA_VALUE_DURATION, AT(simulated.retry_ns), PMA_MS_NS, HOUR_NS},

    {"auth.cleanup_interval", PMA_VALUE_DURATION, AT(auth.cleanup_interval_ns),
     10 * PMA_MS_NS, 24 * HOUR_NS},
    {"auth.token_expiry", PMA_VALUE_DURATION, AT(auth.token_expiry_ns), PMA_S_NS,
     8784 * HOUR_NS},
    {"auth.max_sessions", PMA_VALUE_COUNT, AT(auth.max_sessions), 1, 1000000},
    {"auth.enabled", PMA_VALUE_BOOL, AT(auth.enabled), 0, 0},
    {"auth.allow_localhost_bypass", PMA_VALUE_BOOL, AT(auth.allow_localhost_bypass), 0,
     0},
    {"auth.trusted_proxies", PMA_VALUE_TEXT, AT(auth.trusted_proxies), 0,
     PMA_CONFIG_LIST_BYTES - 1},
    {"auth.max_users", PMA_VALUE_COUNT, AT(auth.max_users), 0, 10000},
    {"auth.lockout_failures", PMA_VALUE_COUNT, AT(auth.lockout_failures), 1, 1000},
    {"auth.lockout_duration", PMA_VALUE_DURATION, AT(auth.lockout_duration_ns),
     10 * PMA_MS_NS, 24 * HOUR_NS},
    {"auth.max_lockouts", PMA_VALUE_COUNT, AT(auth.max_lockouts), 16, 100000},
    {"auth.hash_cost", PMA_VALUE_COUNT, AT(auth.hash_cost), 1, 11},
    {"auth.max_hashing", PMA_VALUE_COUNT, AT(auth.max_hashing), 1, 64},
    {"auth.jwt_secret", PMA_VALUE_SECRET, AT(auth.jwt_secret), 0,
     PMA_CONFIG_SECRET_BYTES - 1},
    {"auth.api_secret", PMA_VALUE_SECRET, AT(auth.api_secret), 0,
     PMA_CONFIG_SECRET_BYTES - 1},
    {"auth.accept_any_bearer", PMA_VALUE_BOOL, AT(auth.accept_any_bearer), 0, 0},

/* clang-format off: a macro without a comma at its end is no list to it. */
#define AI_ROW(key, kind, member, least, most)                                           \
    {"ai." key, PMA_VALUE_##kind, AT(ai.member), least, most},
    PMA_AI_KEYS(AI_ROW)
#undef AI_ROW
    /* clang-format on */
};

#define KEYS_COUNT (sizeof keys / sizeof keys[0])

const struct pma_config_key *pma_config_key_find(const char *path)
{
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        if (strcmp(keys[i].path, path) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

bool pma_config_is_section(const char *path)
{
    const size_t length = strlen(path);
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        if (strncmp(keys[i].path, path, length) == 0 && keys[i].path[length] == '.') {
            return true;
        }
    }
    return false;
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance of two texts of fewer than PATH_LENGTH bytes. */
static size_t distance(const char *a, const char *b)
{
    size_t row[PATH_LENGTH];
    const size_t b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            const size_t above = row[j];
            const size_t change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = least_of(change, 1 + least_of(above, row[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

const char *pma_config_key_suggest(const char *path)
{
    const char *best = NULL;
    size_t best_distance = 4; /* three slips of the finger at most */
    if (strlen(path) >= PATH_LENGTH) {
        return NULL;
    }
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        const size_t there = distance(path, keys[i].path);
        if (there < best_distance) {
            best_distance = there;
            best = keys[i].path;
        }
    }
    return best;
}

static void describe_range(const struct pma_config_key *key, char *text,
                           size_t text_bytes)
{
    char least[32];
    char most[32];
    switch (key->kind) {
    case PMA_VALUE_DURATION:
        pma_duration_text(key->least, least, sizeof least);
        pma_duration_text(key->most, most, sizeof most);
        snprintf(text, text_bytes, "a duration such as 250ms, 30s or 5m, from %s to %s",
                 least, most);
        break;
    case PMA_VALUE_BYTES:
    case PMA_VALUE_BYTES_32:
        snprintf(text, text_bytes,
                 "a size such as 4096, 64KiB or 1GiB, from %" PRIu64 " to %" PRIu64
                 " bytes",
                 key->least, key->most);
        break;
    case PMA_VALUE_COUNT:
        snprintf(text, text_bytes, "a whole number from %" PRIu64 " to %" PRIu64,
                 key->least, key->most);
        break;
    case PMA_VALUE_PERCENT:
        snprintf(text, text_bytes, "a number from %" PRIu64 " to %" PRIu64, key->least,
                 key->most);
        break;
    case PMA_VALUE_BOOL:
        snprintf(text, text_bytes, "true or false");
        break;
    case PMA_VALUE_ADDRESS:
        snprintf(text, text_bytes, "an IPv4 or IPv6 address, or localhost");
        break;
    case PMA_VALUE_LEVEL:
        snprintf(text, text_bytes, "debug, info, warn or error");
        break;
    case PMA_VALUE_TEXT:
    case PMA_VALUE_SECRET:
        snprintf(text, text_bytes,
                 "a text of %" PRIu64 " to %" PRIu64 " bytes without control characters",
                 key->least, key->most);
        break;
    case PMA_VALUE_NONE:
    default:
        text[0] = '\0';
        break;
    }
}

static int store_text(const struct pma_config_key *key, const char *text, char *at)
{
    const size_t length = strlen(text);
    if (length < key->least || length > key->most) {
        return -EINVAL;
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return -EINVAL;
        }
    }
    memcpy(at, text, length + 1);
    return 0;
}

static int store_number(const struct pma_config_key *key, const char *text, char *at)
{
    uint64_t value = 0;
    int err = 0;
    if (key->kind == PMA_VALUE_DURATION) {
        err = pma_parse_duration(text, &value);
    } else if (key->kind == PMA_VALUE_COUNT) {
        err = pma_parse_count(text, &value);
    } else {
        err = pma_parse_bytes(text, &value);
    }
    if (err != 0 || value < key->least || value > key->most) {
        return -EINVAL;
    }
    if (key->kind == PMA_VALUE_COUNT || key->kind == PMA_VALUE_BYTES_32) {
        const uint32_t narrow = (uint32_t)value;
        memcpy(at, &narrow, sizeof narrow);
    } else {
        memcpy(at, &value, sizeof value);
    }
    return 0;
}

static int store_address(const char *text, char *at)
{
    unsigned char binary[sizeof(struct in6_addr)];
    const char *address = strcmp(text, "localhost") == 0 ? "127.0.0.1" : text;
    if (strlen(address) >= sizeof((struct pma_config *)0)->server.host ||
        (inet_pton(AF_INET, address, binary) != 1 &&
         inet_pton(AF_INET6, address, binary) != 1)) {
        return -EINVAL;
    }
    memcpy(at, address, strlen(address) + 1);
    return 0;
}

static int store(const struct pma_config_key *key, const char *text, char *at)
{
    enum pma_level level = PMA_LOG_NONE;
    double real = 0;
    bool truth = false;
    switch (key->kind) {
    case PMA_VALUE_BOOL:
        if (pma_parse_bool(text, &truth) != 0) {
            return -EINVAL;
        }
        memcpy(at, &truth, sizeof truth);
        return 0;
    case PMA_VALUE_PERCENT:
        if (pma_parse_real(text, &real) != 0 || real < (double)key->least ||
            real > (double)key->most) {
            return -EINVAL;
        }
        memcpy(at, &real, sizeof real);
        return 0;
    case PMA_VALUE_LEVEL:
        if (pma_level_parse(text, &level) != 0) {
            return -EINVAL;
        }
        memcpy(at, &(int){(int)level}, sizeof(int));
        return 0;
    case PMA_VALUE_ADDRESS:
        return store_address(text, at);
    case PMA_VALUE_TEXT:
    case PMA_VALUE_SECRET:
        return store_text(key, text, at);
    case PMA_VALUE_COUNT:
    case PMA_VALUE_BYTES:
    case PMA_VALUE_BYTES_32:
    case PMA_VALUE_DURATION:
        return store_number(key, text, at);
    case PMA_VALUE_NONE:
    default:
        return -EINVAL;
    }
}

int pma_config_key_store(const struct pma_config_key *key, const char *text,
                         struct pma_config *config, char *why, size_t why_bytes)
{
    if (store(key, text, (char *)config + key->offset) == 0) {
        return 0;
    }
    char range[120];
    describe_range(key, range, sizeof range);
    if (key->kind == PMA_VALUE_SECRET) {
        snprintf(why, why_bytes, "what is given is not %s", range);
    } else {
        snprintf(why, why_bytes, "\"%.40s\" is not %s", text, range);
    }
    return -EINVAL;
}
