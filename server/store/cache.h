/* The shared cache: JSON values by key in Redis, each with a time to live.
 *
 * It never makes a request fail or wait: while Redis is away, every get is a miss, every
 * put and remove is skipped and counted, and the answer comes at once. What is in it can
 * be had otherwise; nothing is kept here alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CACHE_H
#define PMA_CACHE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_cache;
struct pma_redis_pool;

/* Longest key, without the prefix. */
#define PMA_CACHE_KEY_BYTES_MAX 512

struct pma_cache_config {
    const char *key_prefix;   /* before each key in Redis; borrowed until free */
    uint32_t default_ttl_s;   /* for a put without one; from 1 */
    uint32_t max_value_bytes; /* as JSON text; a larger value is skipped; from 1 */
};

/* Makes a cache upon a pool, which is borrowed until pma_cache_free. config: copied.
 * cache: out. Returns: 0; -EINVAL; -ENOMEM. Thread-safety: any thread. Allocates. */
int pma_cache_new(const struct pma_cache_config *config, struct pma_redis_pool *pool,
                  struct pma_cache **cache);

/* Frees it; the values stay in Redis. NULL is allowed. Thread-safety: owner thread. */
void pma_cache_free(struct pma_cache *cache);

/* In all that follows: cache NULL stands for one that is always away (Redis is switched
 * off); key has 1..PMA_CACHE_KEY_BYTES_MAX bytes, another one is a miss or skipped.
 * Thread-safety: any thread, takes PMA_LOCK_REDIS. Cost: one command to Redis, with the
 * limits of its pool. */

/* Reads a value. value: out, owned by the caller, untouched on a miss.
 * Returns: whether it was there. Allocates. */
bool pma_cache_get(struct pma_cache *cache, const char *key, json_t **value);

/* Writes a value (borrowed, any JSON). ttl_s: seconds to live, 0: the default.
 * Returns: false when Redis could not do it now; true: it is there, or too large for
 * ever. A cache may be left to forget: few callers look. */
bool pma_cache_put(struct pma_cache *cache, const char *key, const json_t *value,
                   uint32_t ttl_s);

/* Removes a value, if it is there. Returns: as pma_cache_put. */
bool pma_cache_remove(struct pma_cache *cache, const char *key);

/* Lists keys that begin with `prefix` ("": all), in no order, at most `limit`, each once,
 * without the cache's own prefix. keys: out, an array of strings, owned by the caller;
 * empty while Redis is away. Returns: 0; -ENOMEM. Cost: O(keys in Redis), in steps. */
int pma_cache_scan(struct pma_cache *cache, const char *prefix, size_t limit,
                   json_t **keys);

/* Removes every key that begins with `prefix`. Returns: how many were removed. Cost: as
 * pma_cache_scan. */
uint64_t pma_cache_clear(struct pma_cache *cache, const char *prefix);

/* Statistics, with the names of the REST API: hit_count, miss_count, put_count and so on,
 * and what was skipped. Owned by the caller, NULL without memory. */
json_t *pma_cache_stats_json(struct pma_cache *cache);

/* Fault F17: one command that Redis answers with an error. arg: struct pma_cache.
 * Fault F18: one value that is put and removed. Thread-safety: any thread. */
void pma_cache_simulate_error(void *arg);
void pma_cache_simulate_removal(void *arg);

#endif
