/* Sharing without a master.
 *
 * Every backend has the whole house in memory and answers from there; Redis only carries
 * what the others do not know yet. So nothing waits for it, and while it is away each
 * backend goes on alone. Rejected: a counter per entity in Redis instead of last_updated;
 * it orders better than clocks, but nothing could be changed while Redis is away.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_share.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/entity/entity_time.h"
#include "server/log/log.h"
#include "server/store/backplane.h"
#include "server/store/cache.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBSYSTEM       "entity"
#define CHANNEL         "entities"
#define ENTITY_PREFIX   "entity:"
#define GONE_PREFIX     "entity_gone:"
#define ROOM_PREFIX     "room:"
#define KEY_BYTES       (sizeof GONE_PREFIX + PMA_ENTITY_ID_BYTES_MAX)
#define TOMBSTONE_TTL_S 3600
#define PAGE            256

struct pma_entity_share {
    struct pma_entity_share_links links;
    uint32_t cache_ttl_s;
    uint32_t max_keys;
    _Atomic uint64_t adopted; /* relaxed: a statistic */
    pthread_mutex_t lock;     /* PMA_LOCK_ENTITY_SHARE: stones; no I/O */
    json_t *stones; /* {id: when it was removed}, oldest first, at most max_keys */
};

static bool take_message(void *arg, const json_t *body);

int pma_entity_share_new(const struct pma_entity_share_links *links, uint32_t cache_ttl_s,
                         uint32_t max_keys, struct pma_entity_share **share)
{
    struct pma_entity_share *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->links = *links;
    fresh->cache_ttl_s = cache_ttl_s;
    fresh->max_keys = max_keys;
    atomic_init(&fresh->adopted, 0);
    fresh->stones = json_object();
    if (fresh->stones == NULL) {
        free(fresh);
        return -ENOMEM;
    }
    pthread_mutex_init(&fresh->lock, NULL);
    if (links->backplane != NULL) {
        const int err =
            pma_backplane_listen(links->backplane, CHANNEL, take_message, fresh);
        if (err != 0) {
            pma_entity_share_free(fresh);
            return err;
        }
    }
    *share = fresh;
    return 0;
}

void pma_entity_share_free(struct pma_entity_share *share)
{
    if (share == NULL) {
        return;
    }
    json_decref(share->stones);
    pthread_mutex_destroy(&share->lock);
    free(share);
}

/* Remembers a removal; the newest of an id counts. A full table forgets its oldest. */
static void add_stone(struct pma_entity_share *share, const char *id, const char *at)
{
    pthread_mutex_lock(&share->lock);
    const char *known = json_string_value(json_object_get(share->stones, id));
    if (known == NULL || strcmp(known, at) < 0) {
        json_object_del(share->stones, id);
        if (json_object_size(share->stones) >= share->max_keys) {
            json_object_del(share->stones,
                            json_object_iter_key(json_object_iter(share->stones)));
        }
        json_object_set_new(share->stones, id, json_string(at));
    }
    pthread_mutex_unlock(&share->lock);
}

/* Whether an entity was removed after its last change. */
static bool is_buried(struct pma_entity_share *share, const json_t *entity)
{
    const char *id = json_string_value(json_object_get(entity, "id"));
    const char *updated = json_string_value(json_object_get(entity, "last_updated"));
    if (id == NULL || updated == NULL) {
        return false;
    }
    pthread_mutex_lock(&share->lock);
    const char *at = json_string_value(json_object_get(share->stones, id));
    const bool is_gone = at != NULL && strcmp(updated, at) <= 0;
    pthread_mutex_unlock(&share->lock);
    return is_gone;
}

static void key_of(char key[KEY_BYTES], const char *prefix, const char *id)
{
    snprintf(key, KEY_BYTES, "%s%s", prefix, id);
}

/* Sends {name: member, at?}. member: taken. */
static void send(struct pma_entity_share *share, const char *name, json_t *member,
                 const char *at)
{
    json_t *body = json_pack("{s:o, s:s*}", name, member, "at", at);
    if (body != NULL) {
        pma_backplane_publish(share->links.backplane, CHANNEL, body);
    }
    json_decref(body);
}

static void tell_room(struct pma_entity_share *share,
                      const struct pma_entity_event *event)
{
    const char *action = json_string_value(json_object_get(event->data, "action"));
    const json_t *room = json_object_get(event->data, "room");
    if (action != NULL && strcmp(action, "deleted") == 0) {
        send(share, "room_removed", json_string(event->room_id), NULL);
    } else if (room != NULL) {
        send(share, "room", json_deep_copy(room), NULL);
    }
}

void pma_entity_share_tell(struct pma_entity_share *share,
                           const struct pma_entity_event *event)
{
    const json_t *entity = json_object_get(event->data, "entity");
    const char *at = json_string_value(json_object_get(event->data, "timestamp"));
    const bool is_removal = strcmp(event->type, "pma_entity_removed") == 0;
    if (is_removal && share->links.cache != NULL) {
        add_stone(share, event->entity_id, at);
    }
    if (share->links.backplane == NULL) {
        return;
    }
    if (strcmp(event->type, "room_updated") == 0) {
        tell_room(share, event);
    } else if (is_removal) {
        send(share, "removed", json_string(event->entity_id), at);
    } else if (entity != NULL) {
        send(share, "entity", json_deep_copy(entity), NULL);
    }
}

void pma_entity_share_put(struct pma_entity_share *share, const json_t *entity)
{
    char key[KEY_BYTES];
    key_of(key, ENTITY_PREFIX, pma_entity_id(entity));
    pma_cache_put(share->links.cache, key, entity, share->cache_ttl_s);
}

/* Puts a tombstone into the cache. */
static void put_stone(struct pma_entity_share *share, const char *id, const char *at)
{
    char key[KEY_BYTES];
    json_t *stone = json_string(at);
    key_of(key, GONE_PREFIX, id);
    pma_cache_put(share->links.cache, key, stone, TOMBSTONE_TTL_S);
    json_decref(stone);
}

void pma_entity_share_remove(struct pma_entity_share *share, const char *id)
{
    char key[KEY_BYTES];
    char at[PMA_TIMESTAMP_BYTES] = "";
    if (share->links.cache == NULL) {
        return;
    }
    pthread_mutex_lock(&share->lock);
    const char *stone = json_string_value(json_object_get(share->stones, id));
    snprintf(at, sizeof at, "%s", stone != NULL ? stone : "");
    pthread_mutex_unlock(&share->lock);
    key_of(key, ENTITY_PREFIX, id);
    pma_cache_remove(share->links.cache, key);
    if (at[0] != '\0') {
        put_stone(share, id, at);
    }
}

void pma_entity_share_put_room(struct pma_entity_share *share, const json_t *room)
{
    char key[KEY_BYTES];
    key_of(key, ROOM_PREFIX, json_string_value(json_object_get(room, "id")));
    pma_cache_put(share->links.cache, key, room, share->cache_ttl_s);
}

void pma_entity_share_remove_room(struct pma_entity_share *share, const char *id)
{
    char key[KEY_BYTES];
    key_of(key, ROOM_PREFIX, id);
    pma_cache_remove(share->links.cache, key);
}

static void count_adopted(struct pma_entity_share *share)
{
    atomic_fetch_add_explicit(&share->adopted, 1, memory_order_relaxed);
}

/* Whether ours is as new as theirs. */
static bool is_known(struct pma_entity_share *share, const json_t *theirs)
{
    const char *id = json_string_value(json_object_get(theirs, "id"));
    const char *at = json_string_value(json_object_get(theirs, "last_updated"));
    json_t *ours = NULL;
    if (id == NULL || at == NULL ||
        pma_entities_get_here(share->links.entities, id, &ours) != 0) {
        return false;
    }
    const char *updated = json_string_value(json_object_get(ours, "last_updated"));
    const bool is_new = strcmp(updated, at) >= 0;
    json_decref(ours);
    return is_new;
}

/* Takes in an entity of another backend, when it is newer than ours. */
static void adopt(struct pma_entity_share *share, const json_t *entity)
{
    static const char *const optional[] = {"room_id", "area_id", "device_id", "icon"};
    struct pma_entity_outcome outcome;
    if (is_known(share, entity) || is_buried(share, entity)) {
        return;
    }
    json_t *whole = json_deep_copy(entity);
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
        if (json_object_get(whole, optional[i]) == NULL) {
            json_object_set_new(whole, optional[i], json_null()); /* not there: gone */
        }
    }
    const int err = pma_entities_submit(share->links.entities, whole, NULL, &outcome);
    json_decref(whole);
    if (err == 0) {
        count_adopted(share);
    } else if (err != -ESTALE) {
        pma_log(err == -ENOSPC ? PMA_LOG_DEBUG : PMA_LOG_WARN,
                "Entity of another backend not taken", pma_str("why", outcome.why));
    }
}

/* Removes ours when it is older than the removal. at: as pma_timestamp_now writes it. */
static void adopt_removal(struct pma_entity_share *share, const char *id, const char *at)
{
    json_t *ours = NULL;
    add_stone(share, id, at);
    if (pma_entities_get_here(share->links.entities, id, &ours) != 0) {
        return;
    }
    const char *updated = json_string_value(json_object_get(ours, "last_updated"));
    if (strcmp(updated, at) <= 0 && pma_entities_forget(share->links.entities, id) == 0) {
        share->links.note_gone(share->links.arg, id);
        count_adopted(share);
    }
    json_decref(ours);
}

static void adopt_room(struct pma_entity_share *share, const json_t *room)
{
    const char *id = json_string_value(json_object_get(room, "id"));
    if (id != NULL && pma_rooms_restore(share->links.rooms, room) == 0) {
        share->links.note_room(share->links.arg, id);
        count_adopted(share);
    }
}

/* A message of another backend, as send() makes them. */
static bool take_message(void *arg, const json_t *body)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_entity_share *share = arg;
    const json_t *entity = json_object_get(body, "entity");
    const json_t *room = json_object_get(body, "room");
    const char *removed = json_string_value(json_object_get(body, "removed"));
    const char *at = json_string_value(json_object_get(body, "at"));
    const char *no_room = json_string_value(json_object_get(body, "room_removed"));
    if (json_is_object(entity)) {
        adopt(share, entity);
    } else if (json_is_object(room)) {
        adopt_room(share, room);
    } else if (removed != NULL && at != NULL && pma_entity_id_is_valid(removed)) {
        adopt_removal(share, removed, at);
    } else if (no_room != NULL && pma_entity_id_is_valid(no_room)) {
        pma_rooms_forget(share->links.rooms, no_room);
        share->links.note_room(share->links.arg, no_room);
    } else {
        return false;
    }
    return true;
}

/* Puts ours into the cache when it is newer than what is there: it changed while Redis
 * was away, and another backend was there first with what it knew. Returns: whether it
 * was. */
static bool put_newer(struct pma_entity_share *share, const char *id,
                      const json_t *theirs)
{
    const char *at = json_string_value(json_object_get(theirs, "last_updated"));
    json_t *ours = NULL;
    if (at == NULL || pma_entities_get_here(share->links.entities, id, &ours) != 0) {
        return false;
    }
    const char *updated = json_string_value(json_object_get(ours, "last_updated"));
    const bool is_newer = strcmp(updated, at) > 0;
    if (is_newer) {
        pma_entity_share_put(share, ours);
    }
    json_decref(ours);
    return is_newer;
}

/* Whether there is room for an entity that is only in the cache. Without this, more
 * entities there than fit here would drive each other out at every look at it; one that
 * somebody asks for, or that changes, takes its place all the same. */
static bool has_room(struct pma_entity_share *share, const char *id)
{
    struct pma_entities_stats stats;
    json_t *ours = NULL;
    pma_entities_stats_read(share->links.entities, &stats);
    if (stats.entities < share->max_keys) {
        return true;
    }
    const bool is_ours = pma_entities_get_here(share->links.entities, id, &ours) == 0;
    json_decref(ours);
    return is_ours;
}

/* Takes in one key of the cache. id: what follows the prefix. */
static void take_key(struct pma_entity_share *share, const char *key, const char *id,
                     const char *prefix)
{
    json_t *value = NULL;
    if (!pma_entity_id_is_valid(id) || !pma_cache_get(share->links.cache, key, &value)) {
        return;
    }
    if (strcmp(prefix, GONE_PREFIX) == 0 && json_is_string(value)) {
        adopt_removal(share, id, json_string_value(value));
    } else if (strcmp(prefix, ENTITY_PREFIX) == 0 && is_buried(share, value)) {
        pma_cache_remove(share->links.cache, key); /* who put it did not know yet */
    } else if (strcmp(prefix, ROOM_PREFIX) == 0 && json_is_object(value) &&
               !pma_rooms_exist(share->links.rooms, id)) {
        adopt_room(share, value);
    } else if (strcmp(prefix, ENTITY_PREFIX) == 0 && json_is_object(value) &&
               !put_newer(share, id, value) && has_room(share, id)) {
        adopt(share, value);
    }
    json_decref(value);
}

/* Takes in all keys under a prefix. Returns: {id: true} of them, owned by the caller;
 * NULL when Redis did not say. */
static json_t *take_keys(struct pma_entity_share *share, const char *prefix,
                         struct pma_cancel *cancel)
{
    json_t *keys = NULL;
    size_t index = 0;
    json_t *key = NULL;
    if (pma_cache_scan(share->links.cache, prefix, share->max_keys, &keys) != 0) {
        return NULL;
    }
    json_t *ids = json_object();
    json_array_foreach(keys, index, key)
    {
        if (cancel != NULL && pma_cancel_requested(cancel)) {
            break;
        }
        const char *text = json_string_value(key);
        take_key(share, text, text + strlen(prefix), prefix);
        json_object_set_new(ids, text + strlen(prefix), json_true());
    }
    json_decref(keys);
    return ids;
}

/* Puts what is ours and not among `ids` into the cache. */
static void put_missing(struct pma_entity_share *share, const json_t *ids,
                        struct pma_cancel *cancel)
{
    size_t index = 0;
    json_t *item = NULL;
    json_t *page = NULL;
    struct pma_entity_filter filter = {.limit = PAGE};
    do {
        json_decref(page);
        page = NULL;
        if ((cancel != NULL && pma_cancel_requested(cancel)) ||
            pma_entities_list(share->links.entities, &filter, &page) != 0) {
            return;
        }
        json_array_foreach(page, index, item)
        {
            if (json_object_get(ids, pma_entity_id(item)) == NULL) {
                pma_entity_share_put(share, item);
            }
        }
        filter.offset += PAGE;
    } while (json_array_size(page) == PAGE);
    json_decref(page);
}

/* Puts the tombstones that are not among `ids` into the cache, buries what has come back
 * in spite of one, and forgets those that have served their time. */
static void put_missing_stones(struct pma_entity_share *share, const json_t *ids)
{
    char oldest[PMA_TIMESTAMP_BYTES];
    const char *id = NULL;
    json_t *at = NULL;
    pma_instant_text(pma_instant_now_us() - (int64_t)TOMBSTONE_TTL_S * 1000000, oldest);
    pthread_mutex_lock(&share->lock);
    json_t *stones = json_deep_copy(share->stones);
    pthread_mutex_unlock(&share->lock);
    json_object_foreach(stones, id, at)
    {
        const char *text = json_string_value(at);
        if (strcmp(text, oldest) < 0) {
            pthread_mutex_lock(&share->lock);
            json_object_del(share->stones, id);
            pthread_mutex_unlock(&share->lock);
            continue;
        }
        adopt_removal(share, id, text);
        if (json_object_get(ids, id) == NULL) {
            put_stone(share, id, text);
        }
    }
    json_decref(stones);
}

static void put_missing_rooms(struct pma_entity_share *share, const json_t *ids)
{
    size_t index = 0;
    json_t *room = NULL;
    json_t *rooms = NULL;
    if (pma_rooms_list(share->links.rooms, false, &rooms) != 0) {
        return;
    }
    json_array_foreach(rooms, index, room)
    {
        const char *id = json_string_value(json_object_get(room, "id"));
        if (json_object_get(ids, id) == NULL) {
            pma_entity_share_put_room(share, room);
        }
    }
    json_decref(rooms);
}

void pma_entity_share_reconcile(struct pma_entity_share *share, struct pma_cancel *cancel)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (share->links.cache == NULL) {
        return;
    }
    json_t *ids = take_keys(share, GONE_PREFIX, cancel);
    if (ids != NULL) {
        put_missing_stones(share, ids);
    }
    json_decref(ids);
    ids = take_keys(share, ROOM_PREFIX, cancel);
    if (ids != NULL) {
        put_missing_rooms(share, ids);
    }
    json_decref(ids);
    ids = take_keys(share, ENTITY_PREFIX, cancel);
    if (ids != NULL) {
        put_missing(share, ids, cancel);
    }
    json_decref(ids);
}

bool pma_entity_share_is_reached(struct pma_entity_share *share)
{
    json_t *stats = pma_cache_stats_json(share->links.cache);
    const bool is_reached = json_is_true(json_object_get(stats, "is_healthy"));
    json_decref(stats);
    return is_reached;
}

bool pma_entity_share_find(struct pma_entity_share *share, const char *id,
                           json_t **entity)
{
    char key[KEY_BYTES];
    json_t *found = NULL;
    key_of(key, ENTITY_PREFIX, id);
    if (!pma_cache_get(share->links.cache, key, &found)) {
        return false;
    }
    if (is_buried(share, found)) {
        json_decref(found);
        return false;
    }
    *entity = found;
    return true;
}

uint64_t pma_entity_share_adopted(struct pma_entity_share *share)
{
    return atomic_load_explicit(&share->adopted, memory_order_relaxed);
}
