/* Answers that are kept.
 *
 * A table that is searched from end to end: 256 keys are compared in less time than any
 * answer takes to send.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REST_TIMES = 30 };
static const uint64_t CHEAP_NS = UINT64_C(2000000); /* is made whenever it is asked for */

static struct seep_cache_entry *find(const struct seep_cache *cache, const char *key)
{
    for (size_t i = 0; i < cache->count; i++) {
        if (strcmp(cache->entries[i]->key, key) == 0) {
            return cache->entries[i];
        }
    }
    return NULL;
}

struct seep_answer *seep_cache_get(struct seep_cache *cache, const char *key, bool any,
                                   uint64_t now_ns)
{
    struct seep_cache_entry *entry = find(cache, key);

    if (entry == NULL || (entry->stale && !any && now_ns >= entry->due_ns)) {
        return NULL;
    }
    entry->used_ns = now_ns;
    return seep_answer_hold(entry->answer);
}

static void drop(struct seep_cache *cache, size_t i)
{
    struct seep_cache_entry *entry = cache->entries[i];

    cache->bytes -= entry->answer->body_bytes;
    seep_answer_release(entry->answer);
    free(entry);
    cache->entries[i] = cache->entries[--cache->count];
}

static void make_room(struct seep_cache *cache, size_t bytes)
{
    while (cache->count > 0 && (cache->count == SEEP_CACHE_ENTRIES ||
                                cache->bytes + bytes > SEEP_CACHE_BYTES)) {
        size_t oldest = 0;

        for (size_t i = 1; i < cache->count; i++) {
            if (cache->entries[i]->used_ns < cache->entries[oldest]->used_ns) {
                oldest = i;
            }
        }
        drop(cache, oldest);
    }
}

void seep_cache_put(struct seep_cache *cache, const struct seep_target *target,
                    struct seep_answer *answer, uint64_t cost_ns, uint64_t now_ns)
{
    struct seep_cache_entry *entry = NULL;
    char key[SEEP_TARGET_KEY_BYTES];

    seep_target_key(target, key);
    for (size_t i = 0; i < cache->count; i++) {
        if (strcmp(cache->entries[i]->key, key) == 0) {
            drop(cache, i);
            break;
        }
    }
    if (answer->status != 200 || answer->body_bytes > SEEP_CACHE_BYTES / 2) {
        return;
    }
    make_room(cache, answer->body_bytes);
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL) {
        return;
    }
    memcpy(entry->key, key, sizeof(entry->key));
    memcpy(entry->name, target->name, sizeof(entry->name));
    memcpy(entry->base, target->base, sizeof(entry->base));
    entry->answer = seep_answer_hold(answer);
    entry->used_ns = now_ns;
    entry->due_ns = now_ns + (cost_ns > CHEAP_NS ? REST_TIMES * cost_ns : 0);
    cache->entries[cache->count++] = entry;
    cache->bytes += answer->body_bytes;
}

void seep_cache_touch(struct seep_cache *cache, const char *name)
{
    for (size_t i = 0; i < cache->count; i++) {
        struct seep_cache_entry *entry = cache->entries[i];

        entry->stale = entry->stale || entry->name[0] == '\0' ||
                       strcmp(entry->name, name) == 0 || strcmp(entry->base, name) == 0;
    }
}

void seep_cache_fini(struct seep_cache *cache)
{
    while (cache->count > 0) {
        drop(cache, cache->count - 1);
    }
}
