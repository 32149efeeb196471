/* Between registry and store.
 *
 * The registry does not wait for a disk: it keeps a list of what has changed, and the
 * store comes for it. An entity that changes ten times meanwhile is written once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_keep.h"

#include "seep/seep.h"
#include "server/entity/entity_core.h"
#include "server/entity/entity_time.h"

#include <errno.h>
#include <string.h>

#define SUBSYSTEM "entity"

/* Under LOCK. */
static void take(struct pma_registry *registry, struct pma_entity *entity,
                 struct pma_kept_entity *item)
{
    const struct pma_history *history = &entity->history;
    const uint64_t oldest = history->recorded - history->count; /* number before it */
    memset(item, 0, sizeof *item);
    item->document = pma_shared_json_retain(entity->document);
    item->recorded = history->recorded;
    item->is_shared = entity->is_shared;
    if (history->recorded > entity->stored_states) {
        item->states = pma_history_json(history, SIZE_MAX, entity->stored_states);
        item->missed =
            oldest > entity->stored_states ? oldest - entity->stored_states : 0;
    }
    entity->stored_states = history->recorded;
    pma_registry_unmark(registry, entity);
}

size_t pma_entities_take_changed(struct pma_entities *entities,
                                 struct pma_kept_entity *items, size_t capacity)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    size_t count = 0;
    if (pma_entities_lock(entities) != 0) {
        return 0;
    }
    struct pma_registry *registry = &entities->registry;
    while (count < capacity && registry->dirty_first != NULL) {
        take(registry, registry->dirty_first, &items[count++]);
    }
    pma_entities_unlock(entities);
    return count;
}

void pma_entities_mark_changed(struct pma_entities *entities, const char *id)
{
    if (pma_entities_lock(entities) != 0) {
        return;
    }
    struct pma_entity *entity = pma_registry_find(&entities->registry, id);
    if (entity != NULL) {
        pma_registry_mark(&entities->registry, entity);
    }
    pma_entities_unlock(entities);
}

/* Puts stored states in the place of the one that registering has recorded. Under LOCK.
 */
static void restore_states(struct pma_entities *entities, struct pma_entity *entity,
                           const json_t *states)
{
    struct pma_entities_stats *stats = &entities->stats;
    size_t index = 0;
    json_t *past = NULL;
    stats->history_states -= entity->history.count;
    pma_history_fini(&entity->history);
    json_array_foreach(states, index, past)
    {
        const char *state = json_string_value(json_object_get(past, "state"));
        const char *instant = json_string_value(json_object_get(past, "timestamp"));
        int64_t unix_us = 0;
        if (state == NULL || instant == NULL ||
            pma_instant_parse(instant, &unix_us) != 0 ||
            pma_history_record(
                &entity->history, unix_us, state, json_object_get(past, "attributes"),
                entities->config.history_states, &stats->states_dropped) != 0) {
            stats->states_dropped++;
        }
    }
    stats->history_states += entity->history.count;
}

int pma_entities_restore(struct pma_entities *entities, const json_t *entity,
                         const json_t *states)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_entity_outcome outcome;
    int err = pma_entities_submit(entities, entity, NULL, &outcome);
    if (err != 0) {
        return err;
    }
    const char *id = json_string_value(json_object_get(entity, "id"));
    err = pma_entities_lock(entities);
    if (err != 0) {
        return err;
    }
    struct pma_entity *found = pma_registry_find(&entities->registry, id);
    if (found != NULL) {
        if (outcome.created && json_array_size(states) > 0) {
            restore_states(entities, found, states);
            found->stored_states = found->history.recorded;
        }
        found->is_shared = false;
        pma_registry_unmark(&entities->registry, found);
    }
    pma_entities_unlock(entities);
    return 0;
}
