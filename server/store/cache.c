/* The shared cache upon the pool.
 *
 * GET is asked for as GETRANGE with the limit of a value, so that a value that somebody
 * else made huge costs this process no more than the limit. Keys are listed by SCAN: KEYS
 * (which the first implementation sent upon every change of state) stops Redis for as
 * long as it takes to look at all of them. SCAN may name a key twice, so names are
 * collected as a set.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/cache.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/store/redis_pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBSYSTEM       "store"
#define PREFIX_MAX      64
#define KEY_BYTES       (PREFIX_MAX + PMA_CACHE_KEY_BYTES_MAX + 1)
#define SCAN_STEP       "200"
#define SCAN_ROUNDS_MAX 100000 /* of 200 keys each: no loop without an end */
#define ARGUMENTS_MAX   8

/* All counters: any thread writes and reads, relaxed; nothing pairs with them. */
struct pma_cache {
    struct pma_cache_config config;
    struct pma_redis_pool *pool; /* borrowed */
    size_t prefix_bytes;
    atomic_uint_fast64_t hits, misses, puts, skipped_puts, removes, skipped_removes,
        errors, too_large, simulated;
};

static void count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

int pma_cache_new(const struct pma_cache_config *config, struct pma_redis_pool *pool,
                  struct pma_cache **cache)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (config->default_ttl_s == 0 || config->max_value_bytes == 0 ||
        strlen(config->key_prefix) > PREFIX_MAX) {
        return -EINVAL;
    }
    struct pma_cache *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->pool = pool;
    fresh->prefix_bytes = strlen(config->key_prefix);
    *cache = fresh;
    return 0;
}

void pma_cache_free(struct pma_cache *cache)
{
    free(cache);
}

/* Sends one command. Returns: its reply, never an error reply; NULL: away, broken or
 * refused, and counted where that is an error. */
static redisReply *call(struct pma_cache *cache, int argc, const char *const argv[])
{
    size_t bytes[ARGUMENTS_MAX];
    redisContext *link = NULL;
    if (pma_redis_pool_take(cache->pool, &link) != 0) {
        return NULL;
    }
    for (int i = 0; i < argc; i++) {
        bytes[i] = strlen(argv[i]);
    }
    redisReply *reply = pma_redis_link_call(link, argc, argv, bytes);
    if (reply != NULL && reply->type != REDIS_REPLY_ERROR) {
        pma_redis_pool_give(cache->pool, link);
        return reply;
    }
    count(&cache->errors);
    freeReplyObject(reply);
    if (!pma_fault_take(PMA_FAULT_F17)) {
        pma_redis_pool_give(cache->pool, link);
    }
    return NULL;
}

/* Writes the key as Redis has it. Returns: whether it is one. */
static bool full_key(const struct pma_cache *cache, const char *key, char full[KEY_BYTES])
{
    const size_t length = strnlen(key, PMA_CACHE_KEY_BYTES_MAX + 1);
    if (length == 0 || length > PMA_CACHE_KEY_BYTES_MAX) {
        return false;
    }
    snprintf(full, KEY_BYTES, "%s%s", cache->config.key_prefix, key);
    return true;
}

bool pma_cache_get(struct pma_cache *cache, const char *key, json_t **value)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    char full[KEY_BYTES];
    char last[16];
    json_t *read = NULL;
    if (cache == NULL) {
        return false;
    }
    snprintf(last, sizeof last, "%" PRIu32, cache->config.max_value_bytes);
    const char *const argv[] = {"GETRANGE", full, "0", last};
    redisReply *reply = full_key(cache, key, full) ? call(cache, 4, argv) : NULL;
    /* A key that is not there reads as the empty text, which is no JSON. */
    if (reply != NULL && reply->type == REDIS_REPLY_STRING &&
        reply->len <= cache->config.max_value_bytes) {
        read = json_loadb(reply->str, reply->len, JSON_DECODE_ANY, NULL);
    }
    freeReplyObject(reply);
    count(read != NULL ? &cache->hits : &cache->misses);
    if (read != NULL) {
        *value = read;
    }
    return read != NULL;
}

bool pma_cache_put(struct pma_cache *cache, const char *key, const json_t *value,
                   uint32_t ttl_s)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    char full[KEY_BYTES];
    char ttl[16];
    redisReply *reply = NULL;
    bool is_never = false;
    if (cache == NULL) {
        return false;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(ttl, sizeof ttl, "%" PRIu32,
             ttl_s > 0 ? ttl_s : cache->config.default_ttl_s);
    if (text != NULL && strlen(text) > cache->config.max_value_bytes) {
        count(&cache->too_large);
        is_never = true;
    } else if (text != NULL && full_key(cache, key, full)) {
        const char *const argv[] = {"SET", full, text, "EX", ttl};
        reply = call(cache, 5, argv);
    }
    const bool is_done = reply != NULL;
    count(is_done ? &cache->puts : &cache->skipped_puts);
    freeReplyObject(reply);
    free(text);
    return is_done || is_never;
}

bool pma_cache_remove(struct pma_cache *cache, const char *key)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    char full[KEY_BYTES];
    if (cache == NULL || pma_fault_take(PMA_FAULT_F18)) {
        return cache != NULL; /* F18: as if it were gone */
    }
    const char *const argv[] = {"UNLINK", full};
    redisReply *reply = full_key(cache, key, full) ? call(cache, 2, argv) : NULL;
    const bool is_done = reply != NULL;
    count(is_done ? &cache->removes : &cache->skipped_removes);
    freeReplyObject(reply);
    return is_done;
}

/* Writes the pattern of SCAN for all keys that begin with the cache's prefix and
 * `prefix`: what would be a wildcard is escaped. */
static void make_pattern(const struct pma_cache *cache, const char *prefix,
                         char pattern[2 * KEY_BYTES])
{
    char full[KEY_BYTES];
    size_t used = 0;
    snprintf(full, sizeof full, "%s%s", cache->config.key_prefix, prefix);
    for (const char *at = full; *at != '\0'; at++) {
        if (strchr("*?[]\\^-", *at) != NULL) {
            pattern[used++] = '\\';
        }
        pattern[used++] = *at;
    }
    memcpy(pattern + used, "*", 2);
}

/* One step of a walk over the keys. cursor: in and out; "0" is the first and the last.
 * Returns: the array of names within *reply; NULL: away. */
static const redisReply *scan_step(struct pma_cache *cache, const char *pattern,
                                   char cursor[24], redisReply **reply)
{
    const char *const argv[] = {"SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_STEP};
    *reply = call(cache, 6, argv);
    if (*reply == NULL || (*reply)->type != REDIS_REPLY_ARRAY ||
        (*reply)->elements != 2 || (*reply)->element[0]->type != REDIS_REPLY_STRING ||
        (*reply)->element[0]->len >= 24 ||
        (*reply)->element[1]->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }
    memcpy(cursor, (*reply)->element[0]->str, (*reply)->element[0]->len + 1);
    return (*reply)->element[1];
}

/* Adds the names of one step to the set. Returns: 0; -ENOMEM. */
static int collect(const struct pma_cache *cache, const redisReply *names, size_t limit,
                   json_t *set)
{
    for (size_t i = 0; i < names->elements && json_object_size(set) < limit; i++) {
        const redisReply *name = names->element[i];
        if (name->type != REDIS_REPLY_STRING || name->len <= cache->prefix_bytes) {
            continue;
        }
        /* A name that is not UTF-8 is nobody's of ours: it is passed over. */
        json_t *text = json_stringn(name->str + cache->prefix_bytes,
                                    name->len - cache->prefix_bytes);
        if (text != NULL && memchr(name->str, '\0', name->len) == NULL &&
            json_object_set(set, json_string_value(text), text) != 0) {
            json_decref(text);
            return -ENOMEM;
        }
        json_decref(text);
    }
    return 0;
}

static bool is_prefix_valid(const char *prefix)
{
    return strnlen(prefix, PMA_CACHE_KEY_BYTES_MAX + 1) <= PMA_CACHE_KEY_BYTES_MAX;
}

int pma_cache_scan(struct pma_cache *cache, const char *prefix, size_t limit,
                   json_t **keys)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    char pattern[2 * KEY_BYTES];
    char cursor[24] = "0";
    const char *name = NULL;
    json_t *text = NULL;
    json_t *set = json_object();
    json_t *list = json_array();
    int err = set != NULL && list != NULL ? 0 : -ENOMEM;
    bool goes_on = err == 0 && cache != NULL && is_prefix_valid(prefix);
    if (goes_on) {
        make_pattern(cache, prefix, pattern);
    }
    for (uint32_t round = 0; goes_on && round < SCAN_ROUNDS_MAX; round++) {
        redisReply *reply = NULL;
        const redisReply *names = scan_step(cache, pattern, cursor, &reply);
        err = names != NULL ? collect(cache, names, limit, set) : 0;
        goes_on = err == 0 && names != NULL && strcmp(cursor, "0") != 0 &&
                  json_object_size(set) < limit;
        freeReplyObject(reply);
    }
    json_object_foreach(set, name, text)
    {
        err = err != 0 ? err : json_array_append(list, text) != 0 ? -ENOMEM : 0;
    }
    json_decref(set);
    if (err != 0) {
        json_decref(list);
        return err;
    }
    *keys = list;
    return 0;
}

/* Removes the keys of one step. Returns: how many. */
static uint64_t unlink_all(struct pma_cache *cache, const redisReply *names)
{
    uint64_t removed = 0;
    for (size_t i = 0; i < names->elements; i++) {
        const char *const argv[] = {"UNLINK", names->element[i]->str};
        redisReply *reply = call(cache, 2, argv);
        if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
            removed += (uint64_t)reply->integer;
        }
        freeReplyObject(reply);
    }
    return removed;
}

uint64_t pma_cache_clear(struct pma_cache *cache, const char *prefix)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    char pattern[2 * KEY_BYTES];
    char cursor[24] = "0";
    uint64_t removed = 0;
    bool goes_on = cache != NULL && is_prefix_valid(prefix);
    if (goes_on) {
        make_pattern(cache, prefix, pattern);
    }
    for (uint32_t round = 0; goes_on && round < SCAN_ROUNDS_MAX; round++) {
        redisReply *reply = NULL;
        const redisReply *names = scan_step(cache, pattern, cursor, &reply);
        removed += names != NULL ? unlink_all(cache, names) : 0;
        goes_on = names != NULL && strcmp(cursor, "0") != 0;
        freeReplyObject(reply);
    }
    return removed;
}

static json_int_t load(const atomic_uint_fast64_t *counter)
{
    return (json_int_t)atomic_load_explicit(counter, memory_order_relaxed);
}

json_t *pma_cache_stats_json(struct pma_cache *cache)
{
    if (cache == NULL) {
        return json_pack("{s:b, s:b}", "enabled", 0, "is_healthy", 0);
    }
    const json_int_t hits = load(&cache->hits);
    const json_int_t misses = load(&cache->misses);
    return json_pack("{s:b, s:b, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                     "enabled", 1, "is_healthy", (int)pma_redis_pool_is_up(cache->pool),
                     "hit_count", hits, "miss_count", misses, "hit_rate",
                     hits > 0 ? (double)hits / (double)(hits + misses) : 0.0, "put_count",
                     load(&cache->puts), "skipped_puts", load(&cache->skipped_puts),
                     "remove_count", load(&cache->removes), "skipped_removes",
                     load(&cache->skipped_removes), "error_count", load(&cache->errors),
                     "too_large", load(&cache->too_large), "ttl",
                     (json_int_t)cache->config.default_ttl_s * (json_int_t)PMA_S_NS);
}

void pma_cache_simulate_error(void *arg)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    static const char *const argv[] = {"GETRANGE", "one-argument-of-three"};
    struct pma_cache *cache = arg;
    /* A pool without a connection to lose would cost the driver a wait each time. */
    if (cache != NULL && pma_fault_enabled(PMA_FAULT_F17) &&
        !pma_redis_pool_is_spent(cache->pool)) {
        freeReplyObject(call(cache, 2, argv));
    }
}

void pma_cache_simulate_removal(void *arg)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    char key[48];
    struct pma_cache *cache = arg;
    if (cache == NULL || !pma_fault_enabled(PMA_FAULT_F18)) {
        return;
    }
    snprintf(
        key, sizeof key, "entity:simulated-%" PRIu64,
        (uint64_t)atomic_fetch_add_explicit(&cache->simulated, 1, memory_order_relaxed));
    json_t *value = json_true();
    pma_cache_put(cache, key, value, 0);
    pma_cache_remove(cache, key);
}
