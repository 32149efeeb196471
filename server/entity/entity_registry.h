/* The table of entities: by id, by type, by source, by room, and who goes first when it
 * is full.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_REGISTRY_H
#define PMA_ENTITY_REGISTRY_H

#include "server/entity/entity_query.h"
#include "server/entity/shared_json.h"
#include "server/entity/state_history.h"
#include "server/hub/hub_index.h"

#include <stdbool.h>
#include <stddef.h>

struct pma_entity;

/* The entities of one type, source or room; exists from its first to its last. */
struct pma_group {
    struct pma_index_node node;
    struct pma_entity *first, *last; /* in the order in which they came in */
    size_t count;
    char name[];
};

struct pma_entity {
    struct pma_index_node node;         /* in by_id */
    struct pma_shared_json *document;   /* a whole entity (entity_model.h) */
    struct pma_entity *previous, *next; /* of all, in the order of creation */
    struct {
        struct pma_group *group; /* NULL: in none of this kind */
        struct pma_entity *previous, *next;
    } groups[PMA_GROUP_KINDS];
    struct pma_entity *older, *newer; /* by last use; only when it is evictable */
    bool is_evictable;                /* unavailable or virtual: may give way */
    struct pma_entity *dirty_previous, *dirty_next; /* only when it is dirty */
    bool is_dirty;                                  /* differs from what the store has */
    bool is_shared;         /* came from another backend as it is */
    uint64_t stored_states; /* of history.recorded, what the store has */
    struct pma_history history;
    char id[];
};

/* Zero-initialise, then pma_registry_init. */
struct pma_registry {
    struct pma_index by_id;
    struct pma_index groups[PMA_GROUP_KINDS];
    struct pma_entity *first, *last;
    struct pma_entity *least_used, *most_used; /* of the evictable ones */
    size_t evictable_count;
    struct pma_entity *dirty_first, *dirty_last; /* longest dirty first */
};

/* Thread-safety of all functions: under LOCK. */

/* Returns: 0; -ENOMEM. Allocates. */
int pma_registry_init(struct pma_registry *registry);

/* Frees everything. */
void pma_registry_fini(struct pma_registry *registry);

/* Returns: borrowed, NULL when there is none. */
struct pma_entity *pma_registry_find(const struct pma_registry *registry, const char *id);

/* Adds an entity whose id is not there. document: taken on success. entity: out,
 * borrowed. Returns: 0; -ENOMEM, nothing has changed. Allocates. */
int pma_registry_add(struct pma_registry *registry, struct pma_shared_json *document,
                     struct pma_entity **entity);

/* Gives an entity a new document of the same id, and moves it between groups as needed.
 * document: taken on success. Returns: 0; -ENOMEM, nothing has changed. Allocates. */
int pma_registry_replace(struct pma_registry *registry, struct pma_entity *entity,
                         struct pma_shared_json *document);

/* Takes an entity out and frees it. */
void pma_registry_remove(struct pma_registry *registry, struct pma_entity *entity);

/* Notes a use of the entity. */
void pma_registry_touch(struct pma_registry *registry, struct pma_entity *entity);

/* Notes that the store has to be told of the entity, or that it was. Both do nothing when
 * that is so already. */
void pma_registry_mark(struct pma_registry *registry, struct pma_entity *entity);
void pma_registry_unmark(struct pma_registry *registry, struct pma_entity *entity);

/* The evictable entity whose last use is the longest ago. Returns: borrowed, NULL when
 * all are connected devices. */
struct pma_entity *pma_registry_victim(const struct pma_registry *registry);

/* The group of a name. Returns: borrowed, NULL when it has no entity. */
struct pma_group *pma_registry_group(const struct pma_registry *registry,
                                     enum pma_group_kind kind, const char *name);

/* Whether each entity is in the groups that its document names and in no other, and all
 * counts are right. Cost: O(entities). */
bool pma_registry_is_valid(const struct pma_registry *registry);

#endif
