/* The memory of the house: what is registered survives a restart, and other backends that
 * share one Redis know it too.
 *
 * One worker writes what has changed, at an interval: to the database, and to the shared
 * cache as "entity:<id>". Other backends are told at once over the backplane; what they
 * miss they find in the cache. A crash loses what has changed since the last interval; an
 * end in order loses nothing.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_STORE_H
#define PMA_ENTITY_STORE_H

#include "server/entity/entity_service.h"
#include "server/entity/room_service.h"

#include <stdint.h>

struct pma_backplane;
struct pma_cache;
struct pma_entity_store;
struct pma_store;

struct pma_entity_store_config {
    uint64_t flush_interval_ns;     /* between two writes; from 1 */
    uint64_t reconcile_interval_ns; /* between two looks at the whole cache; from 1 */
    uint64_t history_age_ns;        /* older states go from the database; 0: by number */
    uint32_t history_states;        /* kept per entity in the database; from 1 */
    uint32_t max_entities;          /* that are taken from the cache; from 1 */
    uint32_t max_notes; /* removals and rooms that wait to be written; one more is counted
                           as an error and not written; from 1 */
    uint32_t cache_ttl_s; /* of an entity in the cache; from 1 */
};

/* Where it is kept. store, cache, backplane: borrowed until pma_entity_store_free; cache
 * and backplane may be NULL (no Redis). */
struct pma_entity_places {
    struct pma_store *store;
    struct pma_cache *cache;
    struct pma_backplane *backplane;
};

/* What it has done so far. */
struct pma_entity_store_stats {
    uint64_t written, removed; /* entities and rooms, in the database */
    uint64_t states;           /* appended to the journal */
    uint64_t states_missed;    /* gave way in memory before they were written */
    uint64_t errors;           /* of the database; what failed is tried again */
    uint64_t adopted;          /* changes taken from other backends */
    uint64_t waiting;          /* removals and rooms that wait to be written */
};

/* config: copied. entities, rooms: borrowed until free. kept: out. Returns: 0; -EINVAL: a
 * limit of 0; -ENOMEM; the error of pma_backplane_listen. Thread-safety: owner thread,
 * before the backplane starts. Allocates. */
int pma_entity_store_new(const struct pma_entity_store_config *config,
                         const struct pma_entity_places *places,
                         struct pma_entities *entities, struct pma_rooms *rooms,
                         struct pma_entity_store **kept);

/* Puts back what the database has, then what other backends have put into the cache.
 * Returns: 0; the error of the database. Thread-safety: owner thread, before start. */
int pma_entity_store_load(struct pma_entity_store *kept);

/* Starts the worker. Returns: as pma_worker_start. Thread-safety: owner thread. */
int pma_entity_store_start(struct pma_entity_store *kept);

/* Stops it and writes what is left. Returns: as pma_worker_stop. Thread-safety: owner
 * thread, when nobody changes entities any more. */
int pma_entity_store_stop(struct pma_entity_store *kept, uint64_t timeout_ns);

/* Frees it. NULL is allowed. Thread-safety: owner thread. */
void pma_entity_store_free(struct pma_entity_store *kept);

/* Takes note of an event; for whoever publishes them. kept: NULL does nothing.
 * Thread-safety: under PMA_LOCK_ENTITY_CHANGES or PMA_LOCK_ROOMS; never waits. */
void pma_entity_store_note(struct pma_entity_store *kept,
                           const struct pma_entity_event *event);

/* An entity in the cache. For pma_entity_hooks.find. Thread-safety: any thread. */
bool pma_entity_store_find(struct pma_entity_store *kept, const char *id,
                           json_t **entity);

/* Fills *stats. Thread-safety: any thread, takes PMA_LOCK_ENTITY_STORE. */
void pma_entity_store_stats_read(struct pma_entity_store *kept,
                                 struct pma_entity_store_stats *stats);

#endif
