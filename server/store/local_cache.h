/* A cache of texts in this process: bounded in entries and bytes, the least recently used
 * leave first, and what is too old is swept.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_LOCAL_CACHE_H
#define PMA_LOCAL_CACHE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_local_cache;

struct pma_local_cache_config {
    uint32_t max_entries;       /* 0: nothing is kept */
    uint64_t max_bytes;         /* keys, texts and our own records; 0: nothing is kept */
    uint64_t ttl_ns;            /* since the put; from 1 */
    uint64_t sweep_interval_ns; /* of the thread; from 1 */
};

struct pma_local_cache_figures {
    uint64_t entries;
    uint64_t bytes;     /* of those entries */
    uint64_t forgotten; /* entries that fault F16 has put beyond limit and sweep */
};

/* Makes an empty cache. config: copied. cache: out, given back with pma_local_cache_free.
 * Returns: 0; -EINVAL; -ENOMEM. Thread-safety: any thread. Allocates. */
int pma_local_cache_new(const struct pma_local_cache_config *config,
                        struct pma_local_cache **cache);

/* Starts the thread that sweeps. Returns: 0; as pma_worker_start. Thread-safety: owner
 * thread. */
int pma_local_cache_start(struct pma_local_cache *cache);

/* In what follows: cache NULL stands for one that keeps nothing. Thread-safety: any
 * thread, takes PMA_LOCK_LOCAL_CACHE. Cost: O(1) on average. */

/* Copies a text. text: out, owned by the caller (free), with a NUL after its last byte;
 * untouched on a miss. Returns: whether it was there and young enough. Allocates. */
bool pma_local_cache_get(struct pma_local_cache *cache, const char *key, char **text,
                         size_t *text_bytes);

/* Keeps a copy of a text under a key, instead of what was there; older entries leave when
 * there is no room. A text larger than an eighth of the cache is not kept. Allocates. */
void pma_local_cache_put(struct pma_local_cache *cache, const char *key, const char *text,
                         size_t text_bytes);

/* Removes one entry, if it is there. */
void pma_local_cache_remove(struct pma_local_cache *cache, const char *key);

/* Removes what is too old. Returns: how many entries. Cost: O(removed). */
uint64_t pma_local_cache_sweep(struct pma_local_cache *cache);

/* Removes everything. Returns: how many entries. Cost: O(entries). */
uint64_t pma_local_cache_clear(struct pma_local_cache *cache);

/* Fills *figures; NULL gives zeros. */
void pma_local_cache_figures_read(struct pma_local_cache *cache,
                                  struct pma_local_cache_figures *figures);

/* An array of up to `limit` keys, the most recently used first; owned by the caller, NULL
 * without memory. */
json_t *pma_local_cache_keys_json(struct pma_local_cache *cache, size_t limit);

/* Statistics, with the names of the REST API; owned by the caller, NULL without
 * memory. */
json_t *pma_local_cache_stats_json(struct pma_local_cache *cache);

/* Joins the thread. NULL is allowed. Returns: as pma_worker_stop. Thread-safety: owner
 * thread. */
int pma_local_cache_stop(struct pma_local_cache *cache, uint64_t timeout_ns);

/* Frees a stopped cache and what is in it. NULL is allowed. Thread-safety: owner thread,
 * when no other uses it any more. */
void pma_local_cache_free(struct pma_local_cache *cache);

#endif
