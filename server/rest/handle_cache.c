/* The caches over REST: statistics, keys, clearing; and the state of what is behind them.
 *
 * There are two caches. "queries" is in this process and holds documents read from the
 * database; "shared" is in Redis and holds what several backends share. Clearing either
 * loses nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config.h"
#include "server/rest/app.h"
#include "server/rest/routes.h"
#include "server/store/backplane.h"
#include "server/store/cache.h"
#include "server/store/local_cache.h"
#include "server/store/redis_pool.h"
#include "server/store/storage.h"
#include "server/store/store.h"

#include <string.h>

#define KEYS_LIMIT     100
#define KEYS_LIMIT_MAX 10000
#define INVALIDATE_MAX 1000
#define CACHES_COUNT   (sizeof caches / sizeof caches[0])

struct cache_row {
    const char *name, *type;
    json_t *(*stats)(const struct pma_storage *storage);
    json_t *(*keys)(const struct pma_storage *storage, size_t limit);
    uint64_t (*clear)(const struct pma_storage *storage);
    void (*remove)(const struct pma_storage *storage, const char *key);
};

static json_t *local_stats(const struct pma_storage *storage)
{
    json_t *stats = pma_local_cache_stats_json(storage->local_cache);
    json_object_set_new(stats, "is_healthy", json_true());
    json_object_set_new(stats, "error_count", json_integer(0));
    return stats;
}

static json_t *local_keys(const struct pma_storage *storage, size_t limit)
{
    return pma_local_cache_keys_json(storage->local_cache, limit);
}

static uint64_t local_clear(const struct pma_storage *storage)
{
    return pma_local_cache_clear(storage->local_cache);
}

static void local_remove(const struct pma_storage *storage, const char *key)
{
    pma_local_cache_remove(storage->local_cache, key);
}

static json_t *shared_stats(const struct pma_storage *storage)
{
    return pma_cache_stats_json(storage->cache);
}

static json_t *shared_keys(const struct pma_storage *storage, size_t limit)
{
    json_t *keys = NULL;
    return pma_cache_scan(storage->cache, "", limit, &keys) == 0 ? keys : NULL;
}

static uint64_t shared_clear(const struct pma_storage *storage)
{
    return pma_cache_clear(storage->cache, "");
}

static void shared_remove(const struct pma_storage *storage, const char *key)
{
    pma_cache_remove(storage->cache, key);
}

static const struct cache_row caches[] = {
    {"queries", "memory", local_stats, local_keys, local_clear, local_remove},
    {"shared", "redis", shared_stats, shared_keys, shared_clear, shared_remove},
};

static const struct cache_row *find_cache(const char *name)
{
    for (size_t i = 0; name != NULL && i < CACHES_COUNT; i++) {
        if (strcmp(caches[i].name, name) == 0) {
            return &caches[i];
        }
    }
    return NULL;
}

/* The cache in the path. Returns: NULL: the reply is a 404. */
static const struct cache_row *asked_cache(const struct pma_request *request,
                                           struct pma_reply *reply)
{
    const struct cache_row *row = find_cache(request->param);
    if (row == NULL) {
        pma_reply_error(reply, request, 404,
                        "There is no cache \"%.40s\"; there are queries and shared",
                        request->param);
    }
    return row;
}

static json_t *stats_of(const struct cache_row *row, const struct pma_storage *storage)
{
    json_t *stats = row->stats(storage);
    json_object_set_new(stats, "name", json_string(row->name));
    json_object_set_new(stats, "type", json_string(row->type));
    return stats;
}

/* Whether a cache is asked for by ?cache=NAME and ?type=TYPE. */
static bool is_asked(const struct pma_request *request, const struct cache_row *row)
{
    const char *name = request->argument(request, "cache");
    const char *type = request->argument(request, "type");
    return (name == NULL || strcmp(name, row->name) == 0) &&
           (type == NULL || strcmp(type, row->type) == 0);
}

void pma_handle_cache_stats(struct pma_request *request, struct pma_reply *reply)
{
    json_t *list = json_array();
    for (size_t i = 0; i < CACHES_COUNT; i++) {
        if (is_asked(request, &caches[i])) {
            json_array_append_new(list, stats_of(&caches[i], request->app->storage));
        }
    }
    pma_reply_data(reply, json_pack("{s:I, s:o}", "count",
                                    (json_int_t)json_array_size(list), "caches", list));
}

void pma_handle_cache_stats_of(struct pma_request *request, struct pma_reply *reply)
{
    const struct cache_row *row = asked_cache(request, reply);
    if (row != NULL) {
        pma_reply_data(reply, stats_of(row, request->app->storage));
    }
}

void pma_handle_cache_keys(struct pma_request *request, struct pma_reply *reply)
{
    bool valid = true;
    const struct cache_row *row = asked_cache(request, reply);
    const uint64_t limit =
        pma_request_number(request, "limit", KEYS_LIMIT, KEYS_LIMIT_MAX, &valid);
    if (row == NULL) {
        return;
    }
    if (!valid) {
        pma_reply_error(reply, request, 400, "limit is a number from 0 to %d",
                        KEYS_LIMIT_MAX);
        return;
    }
    json_t *keys = row->keys(request->app->storage, limit);
    pma_reply_data(
        reply, keys == NULL ? NULL
                            : json_pack("{s:s, s:I, s:o}", "cache", row->name, "count",
                                        (json_int_t)json_array_size(keys), "keys", keys));
}

static void reply_cleared(struct pma_reply *reply, json_t *cleared)
{
    const char *name = NULL;
    json_t *count = NULL;
    json_int_t removed = 0;
    json_object_foreach(cleared, name, count)
    {
        removed += json_integer_value(count);
    }
    pma_reply_data(reply, json_pack("{s:s, s:I, s:o}", "message", "Caches cleared",
                                    "removed", removed, "cleared", cleared));
}

void pma_handle_cache_clear_one(struct pma_request *request, struct pma_reply *reply)
{
    const struct cache_row *row = asked_cache(request, reply);
    if (row != NULL) {
        const json_int_t removed = (json_int_t)row->clear(request->app->storage);
        reply_cleared(reply, json_pack("{s:I}", row->name, removed));
    }
}

/* The caches that a body {"caches": [...]} names; without the list: all. Returns: a bit
 * each; 0: the reply is a 400. */
static unsigned named_caches(const struct pma_request *request, const json_t *body,
                             struct pma_reply *reply)
{
    const json_t *names = json_object_get(body, "caches");
    const json_t *name = NULL;
    unsigned chosen = 0;
    size_t i = 0;
    if (names == NULL || (json_is_array(names) && json_array_size(names) == 0)) {
        return (1U << CACHES_COUNT) - 1;
    }
    json_array_foreach(names, i, name)
    {
        const struct cache_row *row = find_cache(json_string_value(name));
        chosen = row != NULL ? chosen | 1U << (row - caches) : 0;
        if (row == NULL) {
            break;
        }
    }
    if (chosen == 0) {
        pma_reply_error(reply, request, 400,
                        "caches is a list of names; there are queries and shared");
    }
    return chosen;
}

void pma_handle_cache_clear(struct pma_request *request, struct pma_reply *reply)
{
    json_t *body = NULL;
    if (request->body_bytes > 0) {
        body = pma_request_json(request, reply);
        if (body == NULL) {
            return;
        }
    }
    const unsigned chosen = named_caches(request, body, reply);
    json_decref(body);
    if (chosen == 0) {
        return;
    }
    json_t *cleared = json_object();
    for (size_t i = 0; i < CACHES_COUNT; i++) {
        if ((chosen >> i & 1) != 0) {
            const uint64_t removed = caches[i].clear(request->app->storage);
            json_object_set_new(cleared, caches[i].name,
                                json_integer((json_int_t)removed));
        }
    }
    reply_cleared(reply, cleared);
}

void pma_handle_cache_invalidate(struct pma_request *request, struct pma_reply *reply)
{
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    const struct cache_row *row =
        find_cache(json_string_value(json_object_get(body, "cache_name")));
    const json_t *keys = json_object_get(body, "keys");
    const json_t *key = NULL;
    size_t i = 0;
    bool valid =
        row != NULL && json_is_array(keys) && json_array_size(keys) <= INVALIDATE_MAX;
    json_array_foreach(keys, i, key)
    {
        valid = valid && json_is_string(key);
    }
    if (!valid) {
        pma_reply_error(reply, request, 400,
                        "Required are cache_name (queries or shared) and keys, a list of "
                        "up to %d texts",
                        INVALIDATE_MAX);
    } else {
        json_array_foreach(keys, i, key)
        {
            row->remove(request->app->storage, json_string_value(key));
        }
        pma_reply_data(reply, json_pack("{s:s, s:s, s:I}", "message", "Keys invalidated",
                                        "cache_name", row->name, "keys",
                                        (json_int_t)json_array_size(keys)));
    }
    json_decref(body);
}

void pma_handle_cache_optimize(struct pma_request *request, struct pma_reply *reply)
{
    const uint64_t removed = pma_local_cache_sweep(request->app->storage->local_cache);
    pma_reply_data(reply, json_pack("{s:s, s:I}", "message", "Expired entries removed",
                                    "removed", (json_int_t)removed));
}

void pma_handle_cache_health(struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_storage *storage = request->app->storage;
    const bool is_up =
        storage->redis_pool == NULL || pma_redis_pool_is_up(storage->redis_pool);
    pma_reply_data(reply, json_pack("{s:b, s:{s:s, s:s}}", "healthy", (int)is_up,
                                    "caches", "queries", "healthy", "shared",
                                    storage->redis_pool == NULL ? "disabled"
                                    : is_up                     ? "healthy"
                                                                : "away"));
}

void pma_handle_redis_stats(struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_storage *storage = request->app->storage;
    json_t *pool = storage->redis_pool != NULL
                       ? pma_redis_pool_stats_json(storage->redis_pool)
                       : json_pack("{s:s}", "state", "disabled");
    pma_reply_data(reply,
                   json_pack("{s:b, s:o, s:o}", "enabled",
                             (int)(storage->redis_pool != NULL), "pool", pool,
                             "backplane", pma_backplane_stats_json(storage->backplane)));
}

void pma_handle_store_stats(struct pma_request *request, struct pma_reply *reply)
{
    pma_reply_data(reply, pma_store_stats_json(request->app->store));
}
