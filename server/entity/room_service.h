/* The rooms of the house. Which entities a room has is not kept here: each entity names
 * its room, and the registry's index by room is the one truth.
 *
 *     {"id", "name", "icon"?, "description"?, "parent_id"?, "children": [],
 *      "attributes"?, "metadata": {}, "created_at", "updated_at",
 *      "entity_ids": [], "entity_count", "source_counts": {}, "entities"?: []}
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ROOM_SERVICE_H
#define PMA_ROOM_SERVICE_H

#include "server/entity/entity_service.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct pma_rooms;

struct pma_rooms_config {
    uint32_t max_rooms; /* one more is refused; from 1 */
};

/* config: borrowed, copied. entities: borrowed until pma_rooms_free. hooks: borrowed,
 * copied; told of "room_updated" with entity_id and source NULL, under PMA_LOCK_ROOMS;
 * NULL for none. rooms: out. Returns: 0; -EINVAL: a limit of 0; -ENOMEM. Thread-safety:
 * any thread. Allocates. */
int pma_rooms_new(const struct pma_rooms_config *config, struct pma_entities *entities,
                  const struct pma_entity_hooks *hooks, struct pma_rooms **rooms);

/* Frees it. NULL is allowed. Thread-safety: owner thread. */
void pma_rooms_free(struct pma_rooms *rooms);

/* All that follows: Thread-safety: any thread, takes PMA_LOCK_ROOMS and the locks of
 * entities. Allocates. -EDEADLK when fault F12 has blocked the registry. */

/* All rooms, oldest first; with their entities when asked for. list: out, an array owned
 * by the caller. Returns: 0; -ENOMEM. Cost: O(rooms + entities in rooms). */
int pma_rooms_list(struct pma_rooms *rooms, bool with_entities, json_t **list);

/* One room. room: out, owned by the caller. Returns: 0; -ENOENT; -ENOMEM. */
int pma_rooms_get(struct pma_rooms *rooms, const char *id, bool with_entities,
                  json_t **room);

/* Whether there is such a room. */
bool pma_rooms_exist(struct pma_rooms *rooms, const char *id);

/* Creates or updates a room. Without an id it gets "pma_room_<ns since 1970>"; what an
 * update does not name stays, null takes it away. created: out, may be NULL.
 * Returns: 0; -EINVAL; -ENOSPC: as many rooms as there may be; -ENOMEM. */
int pma_rooms_put(struct pma_rooms *rooms, const json_t *room, bool *created);

/* As pma_rooms_put. id: out, of PMA_ENTITY_ID_BYTES_MAX + 1. outcome: out, in any case.
 */
int pma_rooms_submit(struct pma_rooms *rooms, const json_t *room, char *id,
                     struct pma_entity_outcome *outcome);

/* Puts back what a store has kept, without an event. Returns: as pma_rooms_put. */
int pma_rooms_restore(struct pma_rooms *rooms, const json_t *room);

/* Removes a room; its entities go to another room, or to none for NULL.
 * Returns: 0; -ENOENT: no such room; -ESRCH: no such other room. */
int pma_rooms_remove(struct pma_rooms *rooms, const char *id, const char *reassign_to);

/* Takes a room out that another backend has removed, without an event; its entities stay
 * as they are. Unknown rooms are allowed. */
void pma_rooms_forget(struct pma_rooms *rooms, const char *id);

/* Tells that the entities of a room have changed. NULL and unknown rooms are allowed. */
void pma_rooms_touch(struct pma_rooms *rooms, const char *id);

/* {total_rooms, rooms_with_entities, empty_rooms, total_entities, entities_in_rooms,
 * unassigned_entities, by_room{}}; owned by the caller, NULL without memory. */
json_t *pma_rooms_stats_json(struct pma_rooms *rooms);

/* How many there are. */
uint32_t pma_rooms_count(struct pma_rooms *rooms);

#endif
