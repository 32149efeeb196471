/* What a store needs of the registry: what has changed, and a way to put it back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_KEEP_H
#define PMA_ENTITY_KEEP_H

#include "server/entity/entity_service.h"
#include "server/entity/shared_json.h"

/* An entity that the store has to be told of. */
struct pma_kept_entity {
    struct pma_shared_json *document; /* a reference, the taker's */
    json_t *states;    /* since the last time, oldest first; the taker's; may be NULL */
    uint64_t recorded; /* states ever recorded, these included */
    uint64_t missed;   /* states that gave way before the store was told of them */
    bool is_shared;    /* as another backend has it */
};

/* Takes up to `capacity` changed entities, longest changed first; they count as stored
 * then. Returns: how many. Thread-safety: any thread, takes PMA_LOCK_ENTITIES. Allocates.
 */
size_t pma_entities_take_changed(struct pma_entities *entities,
                                 struct pma_kept_entity *items, size_t capacity);

/* Notes that an entity was not stored after all; its states are not asked for again.
 * Thread-safety: as above. */
void pma_entities_mark_changed(struct pma_entities *entities, const char *id);

/* Puts an entity back that was stored, with its states (as pma_entities_history gives
 * them; NULL for none), without an event. Returns: as pma_entities_submit.
 * Thread-safety: any thread, takes both locks of entities. Allocates. */
int pma_entities_restore(struct pma_entities *entities, const json_t *entity,
                         const json_t *states);

#endif
