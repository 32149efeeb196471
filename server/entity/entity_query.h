/* Reading entities: one, lists, histories, counts. Everything handed out is the caller's
 * alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_QUERY_H
#define PMA_ENTITY_QUERY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_entities;

/* By what entities are indexed. */
enum pma_group_kind {
    PMA_GROUP_TYPE = 0,
    PMA_GROUP_SOURCE = 1,
    PMA_GROUP_ROOM = 2,
    PMA_GROUP_KINDS = 3,
};

/* Which entities. NULL, false and 0 stand for any. All borrowed. */
struct pma_entity_filter {
    const char *type;
    const char *source;
    const char *room_id;
    const char *text;           /* part of id, name, type or state, whatever the case */
    const json_t *capabilities; /* an array of texts; all of them */
    bool available_only;
    size_t limit;  /* entities in the list; 0: all */
    size_t offset; /* matching entities that are skipped */
};

/* How much there is, and what was done so far. */
struct pma_entities_stats {
    uint64_t entities, evictable;
    uint64_t history_states;   /* kept, of all entities */
    uint64_t states_in_excess; /* of history_states, of all entities: fault F15 */
    uint64_t changes;          /* of state or attributes */
    uint64_t evicted;          /* gave way to another */
    uint64_t refused_full;     /* not taken, because all others are connected devices */
    uint64_t states_dropped;   /* gave way in a full history */
    uint64_t states_expired;   /* older than history_age */
    uint64_t cleanup_runs;
    bool is_blocked; /* by fault F12 */
};

/* All functions: Thread-safety: any thread, takes PMA_LOCK_ENTITIES for a short time.
 * Allocates. -EDEADLK when fault F12 has blocked the registry. */

/* One entity. Returns: 0; -ENOENT; -ENOMEM. */
int pma_entities_get(struct pma_entities *entities, const char *id, json_t **entity);

/* As pma_entities_get, without asking other backends. */
int pma_entities_get_here(struct pma_entities *entities, const char *id, json_t **entity);

/* An array of entities, oldest first. Returns: 0, also for none; -ENOMEM. Cost: O(result)
 * without conditions or with one of type, source, room_id; else O(the smallest of the
 * groups named) besides. */
int pma_entities_list(struct pma_entities *entities,
                      const struct pma_entity_filter *filter, json_t **list);

/* As pma_entities_list; total: out, how many match whatever limit and offset are. */
int pma_entities_page(struct pma_entities *entities,
                      const struct pma_entity_filter *filter, json_t **list,
                      size_t *total);

/* {name: number of entities} of each type, source or room; owned by the caller, NULL
 * without memory, empty while the registry is blocked. */
json_t *pma_entities_counts(struct pma_entities *entities, enum pma_group_kind kind);

/* The newest `limit` states, oldest first: [{state, attributes?, timestamp}], where
 * attributes are those that changed. Returns: 0; -ENOENT; -ENOMEM. */
int pma_entities_history(struct pma_entities *entities, const char *id, size_t limit,
                         json_t **states);

/* Fills *stats; works while the registry is blocked as well, allocates nothing. */
void pma_entities_stats_read(struct pma_entities *entities,
                             struct pma_entities_stats *stats);

#endif
