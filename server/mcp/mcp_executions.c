/* A queue of entries with two limits, number and age.
 *
 * Parameters and results come from models and foreign programs, so each is kept as
 * compact text of bounded length: 500 parsed trees of a megabyte each would be a leak in
 * all but name. Chosen: a singly linked queue, oldest first; adding and giving up are
 * O(1), and fault F23 (the original's log without retention) is one branch. Rejected: an
 * array as a ring, which is what a limit alone wants, but F23 could not grow in it.
 *
 * I1: count and bytes are those of the queue.
 * I2: unless F23 is on, count <= max_entries after each call.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_executions.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME_BYTES 80

struct entry {
    struct entry *next; /* newer */
    int64_t created_ms; /* UTC, since 1970 */
    size_t text_bytes;
    char tool_name[NAME_BYTES]; /* beginning of it; for the filter */
    char text[];                /* JSON, no NUL */
};

struct figures {
    char name[NAME_BYTES];
    uint64_t count, failed;
    uint64_t total_ns, most_ns;
    int64_t last_ms;
};

struct pma_mcp_executions {
    struct pma_mcp_executions_config config;
    pthread_mutex_t lock; /* PMA_LOCK_MCP_LOG: everything below */
    struct entry *oldest, *newest;
    struct pma_mcp_executions_info info;
    uint64_t next_id;
    struct figures figures[PMA_MCP_TOOL_FIGURES_MAX + 1]; /* the last is "(other)" */
    size_t figures_count;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int pma_mcp_executions_new(const struct pma_mcp_executions_config *config,
                           struct pma_mcp_executions **log)
{
    if (config->max_entries == 0) {
        return -EINVAL;
    }
    struct pma_mcp_executions *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    pthread_mutex_init(&fresh->lock, NULL);
    *log = fresh;
    return 0;
}

/* Takes the oldest entry out and frees it. Under the lock; there is one. */
static void drop_oldest(struct pma_mcp_executions *log)
{
    struct entry *entry = log->oldest;
    log->oldest = entry->next;
    if (log->oldest == NULL) {
        log->newest = NULL;
    }
    log->info.entries--;
    log->info.bytes -= sizeof *entry + entry->text_bytes;
    free(entry);
}

void pma_mcp_executions_free(struct pma_mcp_executions *log)
{
    if (log == NULL) {
        return;
    }
    while (log->oldest != NULL) {
        drop_oldest(log);
    }
    pthread_mutex_destroy(&log->lock);
    free(log);
}

/* Returns: owned; NULL: out of memory. */
static struct entry *make_entry(const json_t *json, const char *tool_name,
                                int64_t created_ms)
{
    const size_t text_bytes = json_dumpb(json, NULL, 0, JSON_COMPACT);
    struct entry *entry = text_bytes > 0 ? malloc(sizeof *entry + text_bytes) : NULL;
    if (entry == NULL) {
        return NULL;
    }
    entry->next = NULL;
    entry->created_ms = created_ms;
    entry->text_bytes = json_dumpb(json, entry->text, text_bytes, JSON_COMPACT);
    snprintf(entry->tool_name, sizeof entry->tool_name, "%s", tool_name);
    return entry;
}

/* Under the lock. entry: taken. */
static void push(struct pma_mcp_executions *log, struct entry *entry)
{
    if (log->newest != NULL) {
        log->newest->next = entry;
    } else {
        log->oldest = entry;
    }
    log->newest = entry;
    log->info.entries++;
    log->info.bytes += sizeof *entry + entry->text_bytes;
}

/* The value itself, or what stands for it when it is too long. Owned. */
static json_t *bounded(const struct pma_mcp_executions *log, const json_t *value)
{
    if (value == NULL) {
        return json_null();
    }
    const size_t bytes = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
    if (bytes > log->config.max_entry_bytes) {
        return json_pack("{s:b, s:I}", "truncated", 1, "bytes", (json_int_t)bytes);
    }
    return json_incref((json_t *)value);
}

static struct figures *figures_of(struct pma_mcp_executions *log, const char *name)
{
    for (size_t i = 0; i < log->figures_count; i++) {
        if (strncmp(log->figures[i].name, name, NAME_BYTES - 1) == 0) {
            return &log->figures[i];
        }
    }
    struct figures *fresh = &log->figures[log->figures_count];
    if (log->figures_count == PMA_MCP_TOOL_FIGURES_MAX) {
        snprintf(fresh->name, sizeof fresh->name, "(other)");
        return fresh;
    }
    log->figures_count++;
    snprintf(fresh->name, sizeof fresh->name, "%s", name);
    return fresh;
}

static void count(struct pma_mcp_executions *log,
                  const struct pma_mcp_execution *execution, int64_t created_ms)
{
    struct figures *figures = figures_of(log, execution->tool_name);
    figures->count++;
    figures->failed += !execution->success;
    figures->total_ns += execution->duration_ns;
    figures->most_ns = execution->duration_ns > figures->most_ns ? execution->duration_ns
                                                                 : figures->most_ns;
    figures->last_ms = created_ms;
    log->info.total++;
    log->info.failed += !execution->success;
}

static json_t *time_json(int64_t unix_ms)
{
    char text[PMA_TIMESTAMP_BYTES];
    char whole[PMA_TIMESTAMP_BYTES];
    struct tm utc;
    const time_t seconds = (time_t)(unix_ms / 1000);
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(whole, sizeof whole, "%.20s.%03uZ", text, (unsigned)(unix_ms % 1000));
    return json_string(whole);
}

static json_t *execution_json(const struct pma_mcp_executions *log,
                              const struct pma_mcp_execution *execution, uint64_t id,
                              int64_t created_ms)
{
    char id_text[40];
    snprintf(id_text, sizeof id_text, "exec_%llx_%llx", (unsigned long long)created_ms,
             (unsigned long long)id);
    const bool has_error = execution->error[0] != '\0';
    return json_pack("{s:s, s:s*, s:s, s:s, s:o, s:o*, s:s*, s:f, s:b, s:o, s:I}", "id",
                     id_text, "conversation_id", execution->conversation_id, "server_id",
                     execution->server_id, "tool_name", execution->tool_name,
                     "parameters", bounded(log, execution->parameters), "result",
                     execution->result != NULL ? bounded(log, execution->result) : NULL,
                     "error", has_error ? execution->error : NULL, "execution_time_ms",
                     (double)execution->duration_ns / 1e6, "success",
                     (int)execution->success, "created_at", time_json(created_ms),
                     "created_at_ms", (json_int_t)created_ms);
}

json_t *pma_mcp_executions_add(struct pma_mcp_executions *log,
                               const struct pma_mcp_execution *execution)
{
    const int64_t created_ms = now_ms();
    pthread_mutex_lock(&log->lock);
    const uint64_t id = log->next_id++;
    count(log, execution, created_ms);
    pthread_mutex_unlock(&log->lock);
    json_t *json = execution_json(log, execution, id, created_ms);
    SEEP_BOUNDED(NULL, "log of executions", log->config.max_entries);
    struct entry *entry =
        json != NULL ? make_entry(json, execution->tool_name, created_ms) : NULL;
    if (entry == NULL) {
        json_decref(json);
        return NULL;
    }
    pthread_mutex_lock(&log->lock);
    /* F23: whoever should give way stays, and is counted. */
    if (log->info.entries >= log->config.max_entries && !pma_fault_take(PMA_FAULT_F23)) {
        drop_oldest(log);
        log->info.evicted++;
    }
    push(log, entry);
    pthread_mutex_unlock(&log->lock);
    return json;
}

size_t pma_mcp_executions_restore(struct pma_mcp_executions *log, const json_t *entries)
{
    size_t taken = 0;
    size_t at = 0;
    const json_t *json = NULL;
    json_array_foreach(entries, at, json)
    {
        const json_t *created = json_object_get(json, "created_at_ms");
        const char *name = json_string_value(json_object_get(json, "tool_name"));
        if (!json_is_integer(created) || name == NULL) {
            continue;
        }
        struct entry *entry = make_entry(json, name, json_integer_value(created));
        if (entry == NULL) {
            continue;
        }
        pthread_mutex_lock(&log->lock);
        push(log, entry);
        pthread_mutex_unlock(&log->lock);
        taken++;
    }
    return taken - pma_mcp_executions_sweep(log);
}

static bool is_wanted(const struct entry *entry, const char *tool_name)
{
    return tool_name == NULL || strncmp(entry->tool_name, tool_name, NAME_BYTES - 1) == 0;
}

json_t *pma_mcp_executions_json(struct pma_mcp_executions *log, const char *tool_name,
                                size_t limit, size_t offset)
{
    size_t matching = 0;
    size_t number = 0;
    bool complete = true;
    json_t *list = json_array();
    pthread_mutex_lock(&log->lock);
    for (const struct entry *at = log->oldest; at != NULL; at = at->next) {
        matching += is_wanted(at, tool_name);
    }
    const size_t end = matching > offset ? matching - offset : 0;
    const size_t begin = end > limit ? end - limit : 0;
    for (const struct entry *at = log->oldest; at != NULL && number < end;
         at = at->next) {
        if (is_wanted(at, tool_name) && number++ >= begin) {
            /* At the front: newest first out of a queue that begins with the oldest. */
            json_t *json = json_loadb(at->text, at->text_bytes, 0, NULL);
            complete = complete && json_array_insert_new(list, 0, json) == 0;
        }
    }
    pthread_mutex_unlock(&log->lock);
    if (!complete) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *figures_json(const struct figures *figures)
{
    return json_pack("{s:I, s:I, s:f, s:f, s:o}", "count", (json_int_t)figures->count,
                     "failed", (json_int_t)figures->failed, "average_ms",
                     (double)figures->total_ns / 1e6 / (double)figures->count, "max_ms",
                     (double)figures->most_ns / 1e6, "last_used",
                     time_json(figures->last_ms));
}

json_t *pma_mcp_executions_statistics(struct pma_mcp_executions *log)
{
    json_t *tools = json_object();
    uint64_t total_ns = 0;
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < sizeof log->figures / sizeof log->figures[0]; i++) {
        const struct figures *figures = &log->figures[i];
        if (figures->count > 0) {
            total_ns += figures->total_ns;
            json_object_set_new(tools, figures->name, figures_json(figures));
        }
    }
    const struct pma_mcp_executions_info info = log->info;
    pthread_mutex_unlock(&log->lock);
    const double total = info.total > 0 ? (double)info.total : 1;
    return json_pack("{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:f, s:o}", "entries",
                     (json_int_t)info.entries, "total_executions", (json_int_t)info.total,
                     "successful", (json_int_t)(info.total - info.failed), "failed",
                     (json_int_t)info.failed, "success_rate",
                     (double)(info.total - info.failed) / total, "evicted",
                     (json_int_t)info.evicted, "expired", (json_int_t)info.expired,
                     "bytes", (json_int_t)info.bytes, "average_execution_ms",
                     (double)total_ns / 1e6 / total, "tools", tools);
}

/* Gives up what was made before `limit_ms`. Under the lock. */
static size_t drop_before(struct pma_mcp_executions *log, int64_t limit_ms)
{
    size_t dropped = 0;
    while (log->oldest != NULL && log->oldest->created_ms < limit_ms) {
        drop_oldest(log);
        dropped++;
    }
    log->info.expired += dropped;
    return dropped;
}

size_t pma_mcp_executions_sweep(struct pma_mcp_executions *log)
{
    const uint64_t max_age_ms = log->config.max_age_ns / PMA_MS_NS;
    size_t dropped = 0;
    if (pma_fault_enabled(PMA_FAULT_F23)) {
        return 0;
    }
    pthread_mutex_lock(&log->lock);
    if (max_age_ms > 0) {
        dropped = drop_before(log, now_ms() - (int64_t)max_age_ms);
    }
    while (log->info.entries > log->config.max_entries) {
        drop_oldest(log);
        log->info.evicted++;
        dropped++;
    }
    pthread_mutex_unlock(&log->lock);
    return dropped;
}

size_t pma_mcp_executions_cleanup(struct pma_mcp_executions *log, uint64_t age_ns)
{
    pthread_mutex_lock(&log->lock);
    /* Age 0 means everything, also what was made within this millisecond. */
    const int64_t limit_ms =
        age_ns == 0 ? INT64_MAX : now_ms() - (int64_t)(age_ns / PMA_MS_NS);
    const size_t dropped = drop_before(log, limit_ms);
    pthread_mutex_unlock(&log->lock);
    return dropped;
}

void pma_mcp_executions_info_read(struct pma_mcp_executions *log,
                                  struct pma_mcp_executions_info *info)
{
    pthread_mutex_lock(&log->lock);
    *info = log->info;
    pthread_mutex_unlock(&log->lock);
}

bool pma_mcp_executions_is_valid(struct pma_mcp_executions *log)
{
    size_t entries = 0;
    size_t bytes = 0;
    const struct entry *last = NULL;
    pthread_mutex_lock(&log->lock);
    for (const struct entry *at = log->oldest; at != NULL; at = at->next) {
        entries++;
        bytes += sizeof *at + at->text_bytes;
        last = at;
    }
    const bool valid =
        entries == log->info.entries && bytes == log->info.bytes && last == log->newest &&
        (entries <= log->config.max_entries || pma_fault_total(PMA_FAULT_F23) > 0);
    pthread_mutex_unlock(&log->lock);
    return valid;
}
