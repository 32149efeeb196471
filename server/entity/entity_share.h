/* The house in common: entities and rooms of several backends behind one Redis.
 *
 * The shared cache has what is ("entity:<id>", "room:<id>"), and for an hour what is gone
 * ("entity_gone:<id>"); the backplane tells what happens. Whoever missed a message finds
 * it in the cache. Between two versions of an entity the newer last_updated wins.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_SHARE_H
#define PMA_ENTITY_SHARE_H

#include "server/entity/entity_service.h"
#include "server/entity/room_service.h"

#include <stdint.h>

struct pma_backplane;
struct pma_cache;
struct pma_cancel;
struct pma_entity_share;

/* Where it is shared; cache and backplane: NULL without Redis. The rest: what to do when
 * another backend has changed a room or removed an entity; called on the backplane's
 * thread or on that of pma_entity_share_reconcile. All borrowed until free. */
struct pma_entity_share_links {
    struct pma_entities *entities;
    struct pma_rooms *rooms;
    struct pma_cache *cache;
    struct pma_backplane *backplane;
    void (*note_room)(void *arg, const char *id);
    void (*note_gone)(void *arg, const char *id);
    void *arg;
};

/* cache_ttl_s: of what is put into the cache. max_keys: that are read from it at once.
 * share: out. Returns: 0; -ENOMEM; the error of pma_backplane_listen. Thread-safety:
 * owner thread, before the backplane starts. Allocates. */
int pma_entity_share_new(const struct pma_entity_share_links *links, uint32_t cache_ttl_s,
                         uint32_t max_keys, struct pma_entity_share **share);

/* Frees it. NULL is allowed. Thread-safety: owner thread, after the backplane's stop. */
void pma_entity_share_free(struct pma_entity_share *share);

/* Tells other backends of an event of ours. Thread-safety: any thread; never waits. */
void pma_entity_share_tell(struct pma_entity_share *share,
                           const struct pma_entity_event *event);

/* Puts into the cache what is, or takes out what is gone. Thread-safety: any thread.
 * Cost: a command to Redis each. */
void pma_entity_share_put(struct pma_entity_share *share, const json_t *entity);
void pma_entity_share_remove(struct pma_entity_share *share, const char *id);
void pma_entity_share_put_room(struct pma_entity_share *share, const json_t *room);
void pma_entity_share_remove_room(struct pma_entity_share *share, const char *id);

/* Takes in what others have put into the cache, and puts what is ours and not there:
 * after a time without Redis, or when its time to live is over. cancel: NULL to do all of
 * it. Thread-safety: one at a time. Cost: O(keys in the cache + entities). */
void pma_entity_share_reconcile(struct pma_entity_share *share,
                                struct pma_cancel *cancel);

/* Whether the shared cache answers now. Thread-safety: any thread. Allocates. */
bool pma_entity_share_is_reached(struct pma_entity_share *share);

/* Reads an entity from the cache. Returns: whether it was there. Thread-safety: any. */
bool pma_entity_share_find(struct pma_entity_share *share, const char *id,
                           json_t **entity);

/* How many changes were taken from others. Thread-safety: any thread. */
uint64_t pma_entity_share_adopted(struct pma_entity_share *share);

#endif
