/* Messages about entities. `entity` in them is the entity itself, always.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_events.h"

#include "server/base/clock.h"

/* Tells about an entity. data: taken. Thread-safety: under CHANGES. */
static void publish(const struct pma_entity_hooks *hooks, const char *type,
                    const json_t *entity, json_t *data, bool gave_way)
{
    if (hooks->publish != NULL && data != NULL) {
        const struct pma_entity_event event = {
            .type = type,
            .entity_id = pma_entity_id(entity),
            .entity_type = pma_entity_type(entity),
            .source = pma_entity_source(entity),
            .room_id = pma_entity_room(entity),
            .data = data,
            .gave_way = gave_way,
        };
        hooks->publish(hooks->arg, &event);
    }
    json_decref(data);
}

void pma_entity_tell_removed(const struct pma_entity_hooks *hooks, const json_t *entity,
                             bool gave_way)
{
    char now[PMA_TIMESTAMP_BYTES];
    pma_timestamp_now(now);
    publish(hooks, "pma_entity_removed", entity,
            json_pack("{s:s, s:s, s:s}", "entity_id", pma_entity_id(entity), "source",
                      pma_entity_source(entity), "timestamp", now),
            gave_way);
}

/* {entity, timestamp}. */
static json_t *entity_data(const json_t *entity)
{
    return json_pack("{s:o, s:O}", "entity", json_deep_copy(entity), "timestamp",
                     json_object_get(entity, "last_updated"));
}

void pma_entity_tell_added(const struct pma_entity_hooks *hooks, const json_t *entity)
{
    publish(hooks, "pma_entity_added", entity, entity_data(entity), false);
}

void pma_entity_tell_updated(const struct pma_entity_hooks *hooks, const json_t *entity)
{
    publish(hooks, "pma_entity_updated", entity, entity_data(entity), false);
}

void pma_entity_tell_changed(const struct pma_entity_hooks *hooks, const json_t *old,
                             const json_t *entity, const char *origin)
{
    json_t *copy = json_deep_copy(entity);
    publish(hooks, "pma_entity_state_changed", entity,
            json_pack("{s:s, s:s, s:s, s:o, s:O, s:s, s:s, s:O}", "entity_id",
                      pma_entity_id(entity), "old_state", pma_entity_state(old),
                      "new_state", pma_entity_state(entity), "entity", copy, "attributes",
                      json_object_get(copy, "attributes"), "source",
                      pma_entity_source(entity), "change_source", origin, "timestamp",
                      json_object_get(copy, "last_updated")),
            false);
}
