/* What an entity is: the shape of its document, and how one follows from another.
 *
 *     {"id", "type", "friendly_name", "icon"?, "state", "attributes": {}, "last_updated",
 *      "capabilities": [], "room_id"?, "area_id"?, "device_id"?, "available",
 *      "metadata": {"source", "source_entity_id", "last_synced", "quality_score",
 *                   "is_virtual", ...}}
 *
 * A light repeats brightness and colour at the top level; a sensor its unit and value.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ENTITY_MODEL_H
#define PMA_ENTITY_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define PMA_ENTITY_ID_BYTES_MAX    100
#define PMA_ENTITY_STATE_BYTES_MAX 255
#define PMA_ENTITY_DEPTH_MAX       16 /* levels of attributes and of metadata */
#define PMA_ENTITY_WHY_BYTES       200

/* The source of what was made over the API, with no device behind it. */
#define PMA_ENTITY_SOURCE_API "pma"

/* Builds a whole entity.
 *
 * given: borrowed; what it does not name comes from `old`, and null takes a member away.
 * old: borrowed, the entity as it is; NULL for a new one. entity: out, owned by the
 * caller, shares nothing with its origins. why: out on error, of PMA_ENTITY_WHY_BYTES.
 * Returns: 0; -EINVAL: a member is wrong; -EEXIST: the id belongs to another source;
 * -ESTALE: last_updated is older than the old one's; -ENOMEM. Thread-safety: pure.
 * Allocates.
 */
int pma_entity_build(const json_t *given, const json_t *old, json_t **entity, char *why);

/* The entity after a change of state.
 *
 * old: borrowed. state: borrowed, NULL keeps it. attributes: borrowed, overlaid on the
 * old ones, null takes one away; NULL keeps them. entity, why: as pma_entity_build. The
 * state "unavailable" makes the entity unavailable, any other available.
 * Returns: 0; -EINVAL; -ENOMEM. Thread-safety: pure. Allocates.
 */
int pma_entity_change(const json_t *old, const char *state, const json_t *attributes,
                      json_t **entity, char *why);

/* The entity in another room; room_id NULL for none. Returns: as pma_entity_change. */
int pma_entity_move(const json_t *old, const char *room_id, json_t **entity, char *why);

/* Members of a whole entity, borrowed; the room is NULL for none. Thread-safety: pure. */
const char *pma_entity_id(const json_t *entity);
const char *pma_entity_type(const json_t *entity);
const char *pma_entity_state(const json_t *entity);
const char *pma_entity_room(const json_t *entity);
const char *pma_entity_source(const json_t *entity);
bool pma_entity_is_available(const json_t *entity);
bool pma_entity_is_virtual(const json_t *entity);

/* Whether every capability named in `wanted` (an array of texts) is the entity's.
 * Thread-safety: pure. */
bool pma_entity_is_capable(const json_t *entity, const json_t *wanted);

/* Whether `text` is part of the id, the name, the type or the state, whatever the case.
 * Thread-safety: pure. */
bool pma_entity_mentions(const json_t *entity, const char *text);

/* Whether a text can be an id: 1 to PMA_ENTITY_ID_BYTES_MAX letters, digits, '_', '-',
 * '.' and ':'. Thread-safety: pure. */
bool pma_entity_id_is_valid(const char *id);

/* All types and all capabilities, as arrays of texts; owned by the caller. Allocates. */
json_t *pma_entity_types_json(void);
json_t *pma_entity_capabilities_json(void);

#endif
