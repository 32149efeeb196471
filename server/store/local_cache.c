/* The cache in this process.
 *
 * Every entry has the same time to live, so the list in order of use is not the one in
 * order of age, and there are two: the sweep ends at the first entry that is young
 * enough, and the eviction takes the one that was used longest ago. The first
 * implementation had neither: what was too old left only when the same key was read
 * again (fault F16, whose entries are in the table and in no list).
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/local_cache.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/hub/hub_index.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define SUBSYSTEM     "store"
#define LARGEST_SHARE 8 /* of max_bytes that one entry may take: the part of one */
#define RECORD_BYTES  (sizeof(struct entry) + 32) /* and what malloc adds to it */

/* One allocation: the key and the text follow. */
struct entry {
    struct pma_index_node node; /* name: the key */
    TAILQ_ENTRY(entry) by_use;  /* most recently used first */
    TAILQ_ENTRY(entry) by_age;  /* youngest first */
    uint64_t put_at_ns;
    size_t text_bytes;
    size_t charged_bytes; /* against max_bytes */
    bool is_forgotten;    /* F16: in neither list and not counted */
    char *text;           /* within this allocation, NUL after its last byte */
};

TAILQ_HEAD(entry_list, entry);

struct pma_local_cache {
    struct pma_local_cache_config config;
    struct pma_worker *worker; /* of the owner thread; NULL: not started */
    pthread_mutex_t lock;      /* PMA_LOCK_LOCAL_CACHE; guards all below */
    struct pma_index index;
    struct entry_list by_use, by_age;
    uint64_t entries, bytes, forgotten;
    uint64_t hits, misses, puts, evicted, expired, too_large;
    uint64_t created_at_ns, used_at_ns;
};

int pma_local_cache_new(const struct pma_local_cache_config *config,
                        struct pma_local_cache **cache)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (config->ttl_ns == 0 || config->sweep_interval_ns == 0) {
        return -EINVAL;
    }
    struct pma_local_cache *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->created_at_ns = pma_now_ns();
    TAILQ_INIT(&fresh->by_use);
    TAILQ_INIT(&fresh->by_age);
    if (pma_index_init(&fresh->index) != 0) {
        goto fail_index;
    }
    if (pthread_mutex_init(&fresh->lock, NULL) != 0) {
        goto fail_lock;
    }
    *cache = fresh;
    return 0;

fail_lock:
    pma_index_fini(&fresh->index);
fail_index:
    free(fresh);
    return -ENOMEM;
}

static void run_sweep(void *arg, struct pma_cancel *cancel)
{
    (void)cancel;
    pma_local_cache_sweep(arg);
}

int pma_local_cache_start(struct pma_local_cache *cache)
{
    const struct pma_worker_spec spec = {.name = "cache-sweep",
                                         .subsystem = SUBSYSTEM,
                                         .interval_ns = cache->config.sweep_interval_ns,
                                         .run = run_sweep,
                                         .arg = cache};
    return pma_worker_start(&spec, &cache->worker);
}

static struct entry *find(struct pma_local_cache *cache, const char *key)
{
    /* node is the first member. */
    return (struct entry *)pma_index_find(&cache->index, key, strlen(key));
}

/* Takes an entry out and frees it. Under the lock. */
static void drop(struct pma_local_cache *cache, struct entry *entry)
{
    pma_index_remove(&cache->index, &entry->node);
    if (entry->is_forgotten) {
        cache->forgotten--;
    } else {
        TAILQ_REMOVE(&cache->by_use, entry, by_use);
        TAILQ_REMOVE(&cache->by_age, entry, by_age);
        cache->entries--;
        cache->bytes -= entry->charged_bytes;
    }
    free(entry);
}

static bool is_expired(const struct pma_local_cache *cache, const struct entry *entry,
                       uint64_t now_ns)
{
    return now_ns - entry->put_at_ns >= cache->config.ttl_ns;
}

/* The entry of a key, unless it is too old; then it is dropped. Under the lock. */
static struct entry *find_young(struct pma_local_cache *cache, const char *key,
                                uint64_t now_ns)
{
    struct entry *entry = find(cache, key);
    if (entry != NULL && is_expired(cache, entry, now_ns)) {
        cache->expired++;
        drop(cache, entry);
        entry = NULL;
    }
    return entry;
}

bool pma_local_cache_get(struct pma_local_cache *cache, const char *key, char **text,
                         size_t *text_bytes)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    char *copy = NULL;
    if (cache == NULL) {
        return false;
    }
    const uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find_young(cache, key, now_ns);
    if (entry != NULL) {
        copy = malloc(entry->text_bytes + 1);
    }
    if (copy != NULL) {
        memcpy(copy, entry->text, entry->text_bytes + 1);
        *text = copy;
        *text_bytes = entry->text_bytes;
        if (!entry->is_forgotten) {
            TAILQ_REMOVE(&cache->by_use, entry, by_use);
            TAILQ_INSERT_HEAD(&cache->by_use, entry, by_use);
        }
    }
    cache->hits += copy != NULL;
    cache->misses += copy == NULL;
    cache->used_at_ns = now_ns;
    pthread_mutex_unlock(&cache->lock);
    return copy != NULL;
}

static struct entry *make_entry(const char *key, const char *text, size_t text_bytes)
{
    const size_t key_bytes = strlen(key) + 1;
    struct entry *entry = malloc(sizeof *entry + key_bytes + text_bytes + 1);
    if (entry == NULL) {
        return NULL;
    }
    char *name = (char *)(entry + 1);
    memcpy(name, key, key_bytes);
    entry->node = (struct pma_index_node){.name = name};
    entry->text = name + key_bytes;
    memcpy(entry->text, text, text_bytes);
    entry->text[text_bytes] = '\0';
    entry->text_bytes = text_bytes;
    entry->charged_bytes = RECORD_BYTES + key_bytes + text_bytes + 1;
    entry->put_at_ns = pma_now_ns();
    entry->is_forgotten = false;
    return entry;
}

/* Makes room for one more entry. Under the lock. */
static void evict(struct pma_local_cache *cache, size_t charged_bytes)
{
    while (cache->entries > 0 &&
           (cache->entries >= cache->config.max_entries ||
            cache->bytes + charged_bytes > cache->config.max_bytes)) {
        cache->evicted++;
        drop(cache, TAILQ_LAST(&cache->by_use, entry_list));
    }
}

/* Puts an entry into the table and the lists. Under the lock. */
static void insert(struct pma_local_cache *cache, struct entry *entry)
{
    struct entry *old = find(cache, entry->node.name);
    const bool is_new = old == NULL;
    if (!is_new) {
        drop(cache, old);
    }
    entry->is_forgotten = is_new && pma_fault_take(PMA_FAULT_F16);
    if (entry->is_forgotten) {
        cache->forgotten++;
    } else {
        evict(cache, entry->charged_bytes);
        TAILQ_INSERT_HEAD(&cache->by_use, entry, by_use);
        TAILQ_INSERT_HEAD(&cache->by_age, entry, by_age);
        cache->entries++;
        cache->bytes += entry->charged_bytes;
    }
    pma_index_add(&cache->index, &entry->node);
    cache->puts++;
}

void pma_local_cache_put(struct pma_local_cache *cache, const char *key, const char *text,
                         size_t text_bytes)
{
    SEEP_BOUNDED(SUBSYSTEM, "documents in the cache",
                 cache != NULL ? cache->config.max_entries : 0);
    if (cache == NULL || cache->config.max_entries == 0 || cache->config.max_bytes == 0) {
        return;
    }
    struct entry *entry = make_entry(key, text, text_bytes);
    if (entry == NULL) {
        return; /* a cache may forget */
    }
    pthread_mutex_lock(&cache->lock);
    const bool is_too_large =
        entry->charged_bytes > cache->config.max_bytes / LARGEST_SHARE;
    if (is_too_large) {
        cache->too_large++;
        struct entry *old = find(cache, key);
        if (old != NULL) {
            drop(cache, old);
        }
    } else {
        insert(cache, entry);
    }
    pthread_mutex_unlock(&cache->lock);
    if (is_too_large) {
        free(entry);
    }
}

void pma_local_cache_remove(struct pma_local_cache *cache, const char *key)
{
    if (cache == NULL) {
        return;
    }
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, key);
    if (entry != NULL) {
        drop(cache, entry);
    }
    pthread_mutex_unlock(&cache->lock);
}

uint64_t pma_local_cache_sweep(struct pma_local_cache *cache)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    uint64_t removed = 0;
    if (cache == NULL) {
        return 0;
    }
    const uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = TAILQ_LAST(&cache->by_age, entry_list);
    while (entry != NULL && is_expired(cache, entry, now_ns)) {
        drop(cache, entry);
        removed++;
        entry = TAILQ_LAST(&cache->by_age, entry_list);
    }
    cache->expired += removed;
    pthread_mutex_unlock(&cache->lock);
    return removed;
}

uint64_t pma_local_cache_clear(struct pma_local_cache *cache)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    uint64_t removed = 0;
    if (cache == NULL) {
        return 0;
    }
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = TAILQ_FIRST(&cache->by_use);
    while (entry != NULL) {
        drop(cache, entry);
        removed++;
        entry = TAILQ_FIRST(&cache->by_use);
    }
    pthread_mutex_unlock(&cache->lock);
    return removed;
}

void pma_local_cache_figures_read(struct pma_local_cache *cache,
                                  struct pma_local_cache_figures *figures)
{
    *figures = (struct pma_local_cache_figures){0};
    if (cache == NULL) {
        return;
    }
    pthread_mutex_lock(&cache->lock);
    figures->entries = cache->entries;
    figures->bytes = cache->bytes;
    figures->forgotten = cache->forgotten;
    pthread_mutex_unlock(&cache->lock);
}

json_t *pma_local_cache_keys_json(struct pma_local_cache *cache, size_t limit)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    json_t *keys = json_array();
    if (cache == NULL || keys == NULL) {
        return keys;
    }
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = TAILQ_FIRST(&cache->by_use);
    for (size_t i = 0; i < limit && entry != NULL; i++) {
        json_array_append_new(keys, json_string(entry->node.name));
        entry = TAILQ_NEXT(entry, by_use);
    }
    pthread_mutex_unlock(&cache->lock);
    return keys;
}

static json_t *instant_json(uint64_t at_ns)
{
    char text[PMA_TIMESTAMP_BYTES];
    if (at_ns == 0) {
        return json_null();
    }
    pma_timestamp_at(at_ns, text);
    return json_string(text);
}

json_t *pma_local_cache_stats_json(struct pma_local_cache *cache)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (cache == NULL) {
        return json_object();
    }
    pthread_mutex_lock(&cache->lock);
    const uint64_t asked = cache->hits + cache->misses;
    json_t *stats = json_pack(
        "{s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "size",
        (json_int_t)cache->entries, "memory_usage_bytes", (json_int_t)cache->bytes,
        "hit_count", (json_int_t)cache->hits, "miss_count", (json_int_t)cache->misses,
        "hit_rate", asked > 0 ? (double)cache->hits / (double)asked : 0.0, "put_count",
        (json_int_t)cache->puts, "evicted", (json_int_t)cache->evicted, "expired",
        (json_int_t)cache->expired, "too_large", (json_int_t)cache->too_large,
        "max_entries", (json_int_t)cache->config.max_entries, "max_bytes",
        (json_int_t)cache->config.max_bytes);
    json_object_set_new(stats, "ttl", json_integer((json_int_t)cache->config.ttl_ns));
    json_object_set_new(stats, "created_at", instant_json(cache->created_at_ns));
    json_object_set_new(stats, "last_accessed", instant_json(cache->used_at_ns));
    pthread_mutex_unlock(&cache->lock);
    return stats;
}

int pma_local_cache_stop(struct pma_local_cache *cache, uint64_t timeout_ns)
{
    if (cache == NULL) {
        return 0;
    }
    const int err = pma_worker_stop(cache->worker, timeout_ns);
    if (err == 0) {
        cache->worker = NULL;
    }
    return err;
}

void pma_local_cache_free(struct pma_local_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    pma_local_cache_clear(cache);
    pthread_mutex_destroy(&cache->lock);
    pma_index_fini(&cache->index);
    free(cache);
}
