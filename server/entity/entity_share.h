/* Entities between the backends that share one Redis: each keeps what it changed in the
 * shared cache and tells the others, and takes in what they tell and what it finds there.
 *
 * Of two changes to one entity the one with the later last_updated holds, everywhere.
 * Rooms are not shared, nor is a change of a name or a room alone: the next change of
 * state takes it along.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_SHARE_H
#define PMA_ENTITY_SHARE_H

#include "server/entity/entity_service.h"

#include <jansson.h>
#include <stdint.h>

struct pma_backplane;
struct pma_cache;
struct pma_entity_share;
struct pma_redis_pool;

struct pma_entity_share_config {
    struct pma_cache *cache;         /* borrowed, as all of these, until free */
    struct pma_redis_pool *pool;     /* of the cache */
    struct pma_backplane *backplane; /* NULL: the cache alone */
    struct pma_entity_hooks next;    /* told of every event that is not a peer's */
    uint32_t max_ids;                /* remembered at one time; from 1 */
    uint32_t ttl_s;                  /* of an entity in the cache; from 1 */
    uint64_t interval_ns;            /* between two looks whether Redis is back; from 1 */
};

/* Makes it, and listens to the backplane's channel "entities". share: out. Returns: 0;
 * -EINVAL; -ENOMEM; -ENOSPC as pma_backplane_listen. Thread-safety: owner thread, before
 * the backplane is started. Allocates. */
int pma_entity_share_new(const struct pma_entity_share_config *config,
                         struct pma_entity_share **share);

/* Starts the thread that writes to the cache and reads from it when Redis is (back)
 * there. entities: borrowed until the backplane is stopped; their hooks call
 * pma_entity_share_publish. Returns: 0; as pma_worker_start. Thread-safety: owner
 * thread. */
int pma_entity_share_start(struct pma_entity_share *share, struct pma_entities *entities);

/* For pma_entity_hooks.publish; arg: struct pma_entity_share. Hands the event on, and
 * tells it to the peers unless it came from one. Never waits for Redis. */
void pma_entity_share_publish(void *arg, const struct pma_entity_event *event);

/* Statistics: remembered ids, those waiting to be written, and what was written, removed,
 * applied, stale, refused and dropped since the start. share: NULL gives {enabled:
 * false}. Owned by the caller, NULL without memory. Thread-safety: any thread, takes
 * PMA_LOCK_ENTITY_SHARE. */
json_t *pma_entity_share_stats_json(struct pma_entity_share *share);

/* Writes what waits, if Redis is there, and joins the thread. NULL is allowed.
 * Returns: as pma_worker_stop. Thread-safety: owner thread. */
int pma_entity_share_stop(struct pma_entity_share *share, uint64_t timeout_ns);

/* Frees it. NULL is allowed. Thread-safety: owner thread, when the backplane is stopped
 * and the entities are not used any more. */
void pma_entity_share_free(struct pma_entity_share *share);

#endif
