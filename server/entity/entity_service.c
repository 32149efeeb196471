/* Writers and the life of the entity service.
 *
 * Two locks: `changes` makes writers queue, so that a change is built from the state
 * that it follows and its event leaves before the next one's; `lock` guards the tables
 * and is held for pointer work only. A document is never changed, it is replaced
 * (shared_json.h); so readers copy outside of both locks, and a slow list delays nobody.
 * Rejected: one lock for all, under which lists of 10,000 entities were copied.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_service.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/entity/entity_core.h"
#include "server/entity/entity_events.h"
#include "server/entity/entity_fault.h"
#include "server/entity/entity_time.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBSYSTEM "entity"

int pma_entities_new(const struct pma_entities_config *config,
                     const struct pma_entity_hooks *hooks, struct pma_entities **entities)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (config->max_entities == 0 || config->max_entity_bytes == 0 ||
        config->history_states == 0) {
        return -EINVAL;
    }
    struct pma_entities *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL || pma_registry_init(&fresh->registry) != 0) {
        free(fresh);
        return -ENOMEM;
    }
    fresh->config = *config;
    if (hooks != NULL) {
        fresh->hooks = *hooks;
    }
    fresh->cleaned_up_at_ns = pma_now_ns();
    pthread_mutex_init(&fresh->changes, NULL);
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_mutex_init(&fresh->helpers_lock, NULL);
    *entities = fresh;
    return 0;
}

static void run_keeper(void *arg, struct pma_cancel *cancel)
{
    (void)cancel;
    pma_entities_clean_up(arg);
}

int pma_entities_start(struct pma_entities *entities)
{
    const struct pma_worker_spec spec = {
        .name = "entity-cleanup",
        .subsystem = SUBSYSTEM,
        .interval_ns = entities->config.cleanup_interval_ns,
        .run = run_keeper,
        .arg = entities,
    };
    return spec.interval_ns > 0 ? pma_worker_start(&spec, &entities->keeper) : 0;
}

int pma_entities_stop(struct pma_entities *entities, uint64_t timeout_ns)
{
    const int left = pma_entity_fault_reap(entities, true, timeout_ns);
    const int err = pma_worker_stop(entities->keeper, timeout_ns);
    if (err == 0) {
        entities->keeper = NULL;
    }
    return err != 0 ? err : left;
}

void pma_entities_free(struct pma_entities *entities)
{
    if (entities == NULL) {
        return;
    }
    pma_registry_fini(&entities->registry);
    pthread_mutex_destroy(&entities->helpers_lock);
    pthread_mutex_destroy(&entities->lock);
    pthread_mutex_destroy(&entities->changes);
    free(entities);
}

int pma_entities_attach(struct pma_entities *entities,
                        const struct pma_entity_adapter *adapter)
{
    if (entities->adapters_count == PMA_ENTITY_ADAPTERS_MAX) {
        return -ENOSPC;
    }
    entities->adapters[entities->adapters_count++] = *adapter;
    return 0;
}

int pma_entities_lock(struct pma_entities *entities)
{
    if (atomic_load_explicit(&entities->is_blocked, memory_order_relaxed)) {
        return -EDEADLK;
    }
    pthread_mutex_lock(&entities->lock);
    return 0;
}

void pma_entities_unlock(struct pma_entities *entities)
{
    pthread_mutex_unlock(&entities->lock);
}

int pma_entities_snapshot(struct pma_entities *entities, const char *id,
                          struct pma_shared_json **snapshot)
{
    int err = pma_entities_lock(entities);
    if (err != 0) {
        return err;
    }
    struct pma_entity *entity = pma_registry_find(&entities->registry, id);
    if (entity != NULL) {
        pma_registry_touch(&entities->registry, entity);
        *snapshot = pma_shared_json_retain(entity->document);
    }
    pma_entities_unlock(entities);
    return entity != NULL ? 0 : -ENOENT;
}

/* How many states the entity has above its limit. */
static uint64_t excess(const struct pma_entities *entities,
                       const struct pma_entity *entity)
{
    const size_t limit = entities->config.history_states;
    return entity->history.count > limit ? entity->history.count - limit : 0;
}

/* Records the state that the entity is in now. Thread-safety: under LOCK. */
static void record(struct pma_entities *entities, struct pma_entity *entity,
                   const json_t *attributes)
{
    const json_t *document = pma_shared_json_get(entity->document);
    uint64_t dropped = 0;
    size_t limit = entities->config.history_states;
    if (entity->history.count >= limit) {
        /* What F15 has kept stays kept: the ring is as long as it has become. */
        limit = pma_fault_take(PMA_FAULT_F15) ? 0 : entity->history.count;
    }
    /* Not around what F15 keeps: that is not limited. */
    SEEP_BOUNDED(
        NULL, "state history",
        limit > 0 ? entities->registry.by_id.count * entities->config.history_states : 0);
    if (pma_history_record(&entity->history, pma_instant_now_us(),
                           pma_entity_state(document), attributes, limit,
                           &dropped) != 0) {
        dropped = 0;
        entities->stats.states_dropped++; /* without memory: lost, so counted */
    } else {
        entities->stats.history_states += 1 - dropped;
        entities->stats.states_in_excess += limit == 0;
    }
    entities->stats.states_dropped += dropped;
}

/* Takes an entity out. Returns: a reference to its document. Thread-safety: under LOCK.
 */
static struct pma_shared_json *take_out(struct pma_entities *entities,
                                        struct pma_entity *entity)
{
    struct pma_shared_json *document = pma_shared_json_retain(entity->document);
    entities->stats.history_states -= entity->history.count;
    entities->stats.states_in_excess -= excess(entities, entity);
    pma_registry_remove(&entities->registry, entity);
    return document;
}

/* Adds a document, in the place of another entity's when the registry is full.
 * document: taken on success. victim: out, a reference, when somebody gave way.
 * Thread-safety: under LOCK. */
static int add(struct pma_entities *entities, struct pma_shared_json *document,
               bool is_shared, struct pma_shared_json **victim)
{
    struct pma_registry *registry = &entities->registry;
    struct pma_entity *entity = NULL;
    struct pma_entity *evicted = NULL;
    if (registry->by_id.count >= entities->config.max_entities) {
        evicted = pma_registry_victim(registry);
        if (evicted == NULL) {
            entities->stats.refused_full++;
            return -ENOSPC;
        }
    }
    const int err = pma_registry_add(registry, document, &entity);
    if (err != 0) {
        return err;
    }
    if (evicted != NULL) {
        entities->stats.evicted++;
        *victim = take_out(entities, evicted);
    }
    record(entities, entity,
           json_object_get(pma_shared_json_get(document), "attributes"));
    entity->is_shared = is_shared;
    pma_registry_mark(registry, entity);
    return 0;
}

/* Whether the two differ in state, attributes or availability. */
static bool differ(const json_t *a, const json_t *b)
{
    return strcmp(pma_entity_state(a), pma_entity_state(b)) != 0 ||
           pma_entity_is_available(a) != pma_entity_is_available(b) ||
           !json_equal(json_object_get(a, "attributes"),
                       json_object_get(b, "attributes"));
}

/* Whether the two are described differently: by name, room or what they can do. */
static bool differ_in_description(const json_t *a, const json_t *b)
{
    static const char *const members[] = {"type",        "friendly_name", "icon",
                                          "room_id",     "area_id",       "device_id",
                                          "capabilities"};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *before = json_object_get(a, members[i]);
        const json_t *after = json_object_get(b, members[i]);
        if (before != after && !json_equal(before, after)) {
            return true;
        }
    }
    return false;
}

/* The attributes of `entity` that are not so in `old`: what the history keeps. Owned by
 * the caller. */
static json_t *changed_attributes(const json_t *old, const json_t *entity)
{
    const json_t *before = json_object_get(old, "attributes");
    json_t *changed = json_object();
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_get(entity, "attributes"), key, value)
    {
        if (!json_equal(json_object_get(before, key), value)) {
            json_object_set_new(changed, key, json_deep_copy(value));
        }
    }
    return changed;
}

/* Gives an entity its next document. document: taken in any case. Thread-safety: under
 * CHANGES, which keeps `old` the present one. */
static int replace(struct pma_entities *entities, const json_t *old, json_t *document,
                   const char *origin, struct pma_entity_outcome *outcome)
{
    struct pma_shared_json *shared = NULL;
    struct pma_shared_json *published = NULL;
    const bool is_changed = differ(old, document);
    json_t *attributes = is_changed ? changed_attributes(old, document) : NULL;
    int err = pma_shared_json_new(document, &shared);
    if (err != 0) {
        json_decref(document);
        goto fail_shared;
    }
    published = pma_shared_json_retain(shared);
    err = pma_entities_lock(entities);
    if (err != 0) {
        goto fail_lock;
    }
    struct pma_entity *entity =
        pma_registry_find(&entities->registry, pma_entity_id(document));
    err = pma_registry_replace(&entities->registry, entity, shared);
    if (err == 0) {
        entity->is_shared = origin == NULL;
        pma_registry_mark(&entities->registry, entity);
        if (is_changed) {
            record(entities, entity, attributes);
            entities->stats.changes++;
        }
    }
    pma_entities_unlock(entities);
fail_lock:
    if (err != 0) {
        pma_shared_json_release(shared);
    } else if (is_changed && origin != NULL) {
        pma_entity_tell_changed(&entities->hooks, old, pma_shared_json_get(published),
                                origin);
    } else if (origin != NULL &&
               differ_in_description(old, pma_shared_json_get(published))) {
        pma_entity_tell_updated(&entities->hooks, pma_shared_json_get(published));
    }
    outcome->changed = err == 0 && is_changed;
    if (outcome->changed) {
        (void)seep_mark("entity change");
    }
    pma_shared_json_release(published);
fail_shared:
    json_decref(attributes);
    return err;
}

/* Takes in an entity that is new. document: taken in any case. Under CHANGES. */
static int create(struct pma_entities *entities, json_t *document, const char *origin)
{
    struct pma_shared_json *shared = NULL;
    struct pma_shared_json *victim = NULL;
    int err = pma_shared_json_new(document, &shared);
    if (err != 0) {
        json_decref(document);
        return err;
    }
    struct pma_shared_json *published = pma_shared_json_retain(shared);
    err = pma_entities_lock(entities);
    if (err == 0) {
        err = add(entities, shared, origin == NULL, &victim);
        pma_entities_unlock(entities);
    }
    if (err != 0) {
        pma_shared_json_release(shared);
    }
    if (victim != NULL) {
        const json_t *gone = pma_shared_json_get(victim);
        pma_log(PMA_LOG_WARN, "The registry is full: an entity gave way",
                pma_str("entity_id", pma_entity_id(gone)),
                pma_str("state", pma_entity_state(gone)));
        pma_entity_tell_removed(&entities->hooks, gone, true);
        pma_shared_json_release(victim);
    }
    if (err == 0 && origin != NULL) {
        pma_entity_tell_added(&entities->hooks, pma_shared_json_get(published));
    }
    pma_shared_json_release(published);
    return err;
}

static int check_size(const struct pma_entities *entities, const json_t *document,
                      char *why)
{
    const size_t bytes = json_dumpb(document, NULL, 0, JSON_COMPACT);
    if (bytes > 0 && bytes <= entities->config.max_entity_bytes) {
        return 0;
    }
    snprintf(why, PMA_ENTITY_WHY_BYTES, "the entity has %zu bytes, %u are allowed", bytes,
             entities->config.max_entity_bytes);
    return -EINVAL;
}

/* Sets outcome->why for errors that have no text yet. */
static int explained(struct pma_entity_outcome *outcome, int err)
{
    if (err == -ENOSPC) {
        snprintf(outcome->why, sizeof outcome->why,
                 "the registry is full of connected devices");
    } else if (err != 0 && outcome->why[0] == '\0') {
        snprintf(outcome->why, sizeof outcome->why, "%s", strerrordesc_np(-err));
    }
    return err;
}

/* pma_entities_submit under CHANGES. */
static int submit(struct pma_entities *entities, const json_t *given, const char *origin,
                  struct pma_entity_outcome *outcome)
{
    struct pma_shared_json *old = NULL;
    json_t *document = NULL;
    const char *id = json_string_value(json_object_get(given, "id"));
    int err = id != NULL ? pma_entities_snapshot(entities, id, &old) : -ENOENT;
    if (err != 0 && err != -ENOENT) {
        return err;
    }
    if (old == NULL && id != NULL && pma_entity_fault_block(entities)) {
        return -EDEADLK;
    }
    const json_t *before = old != NULL ? pma_shared_json_get(old) : NULL;
    err = pma_entity_build(given, before, &document, outcome->why);
    if (err == 0) {
        err = check_size(entities, document, outcome->why);
        if (err != 0) {
            json_decref(document);
        } else {
            outcome->why[0] = '\0';
            outcome->created = old == NULL;
            err = old != NULL ? replace(entities, before, document, origin, outcome)
                              : create(entities, document, origin);
        }
    }
    pma_shared_json_release(old);
    return err;
}

int pma_entities_submit(struct pma_entities *entities, const json_t *entity,
                        const char *origin, struct pma_entity_outcome *outcome)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    memset(outcome, 0, sizeof *outcome);
    pthread_mutex_lock(&entities->changes);
    const int err = submit(entities, entity, origin, outcome);
    pthread_mutex_unlock(&entities->changes);
    return explained(outcome, err);
}

int pma_entities_put(struct pma_entities *entities, const json_t *entity, bool *created)
{
    struct pma_entity_outcome outcome;
    const int err = pma_entities_submit(entities, entity, "api", &outcome);
    if (err == 0 && created != NULL) {
        *created = outcome.created;
    }
    return err;
}

int pma_entities_change(struct pma_entities *entities, const char *id, const char *state,
                        const json_t *attributes, const char *origin,
                        struct pma_entity_outcome *outcome)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_shared_json *old = NULL;
    json_t *document = NULL;
    memset(outcome, 0, sizeof *outcome);
    pthread_mutex_lock(&entities->changes);
    int err = pma_entities_snapshot(entities, id, &old);
    if (err != 0) {
        goto fail_snapshot;
    }
    const json_t *before = pma_shared_json_get(old);
    err = pma_entity_change(before, state, attributes, &document, outcome->why);
    if (err == 0) {
        err = check_size(entities, document, outcome->why);
        if (err != 0) {
            json_decref(document);
        } else {
            outcome->why[0] = '\0';
            err = replace(entities, before, document, origin, outcome);
        }
    }
    pma_shared_json_release(old);
fail_snapshot:
    pthread_mutex_unlock(&entities->changes);
    return explained(outcome, err);
}

int pma_entities_set_state(struct pma_entities *entities, const char *id,
                           const char *state, const json_t *attributes)
{
    struct pma_entity_outcome outcome;
    return pma_entities_change(entities, id, state, attributes, "api", &outcome);
}

int pma_entities_move(struct pma_entities *entities, const char *id, const char *room_id)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_entity_outcome outcome = {.created = false};
    struct pma_shared_json *old = NULL;
    json_t *document = NULL;
    pthread_mutex_lock(&entities->changes);
    int err = pma_entities_snapshot(entities, id, &old);
    if (err == 0) {
        err = pma_entity_move(pma_shared_json_get(old), room_id, &document, outcome.why);
    }
    if (err == 0) {
        err = replace(entities, pma_shared_json_get(old), document, "api", &outcome);
    }
    pma_shared_json_release(old);
    pthread_mutex_unlock(&entities->changes);
    return err;
}

/* Removes an entity; of another source than the API only when `any_source`. */
static int remove_entity(struct pma_entities *entities, const char *id, bool any_source,
                         bool is_told)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_shared_json *gone = NULL;
    pthread_mutex_lock(&entities->changes);
    int err = pma_entities_lock(entities);
    if (err == 0) {
        struct pma_entity *entity = pma_registry_find(&entities->registry, id);
        if (entity == NULL) {
            err = -ENOENT;
        } else if (!any_source &&
                   strcmp(pma_entity_source(pma_shared_json_get(entity->document)),
                          PMA_ENTITY_SOURCE_API) != 0) {
            err = -EPERM;
        } else {
            gone = take_out(entities, entity);
        }
        pma_entities_unlock(entities);
    }
    if (gone != NULL && is_told) {
        pma_entity_tell_removed(&entities->hooks, pma_shared_json_get(gone), false);
    }
    pma_shared_json_release(gone);
    pthread_mutex_unlock(&entities->changes);
    return err;
}

int pma_entities_remove(struct pma_entities *entities, const char *id)
{
    return remove_entity(entities, id, false, true);
}

int pma_entities_withdraw(struct pma_entities *entities, const char *id)
{
    return remove_entity(entities, id, true, true);
}

int pma_entities_forget(struct pma_entities *entities, const char *id)
{
    return remove_entity(entities, id, true, false);
}

void pma_entities_clean_up(struct pma_entities *entities)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    const int64_t oldest_us =
        pma_instant_now_us() - (int64_t)(entities->config.history_age_ns / 1000);
    uint64_t expired = 0;
    pma_entity_fault_reap(entities, false, 0);
    if (pma_entities_lock(entities) != 0) {
        return;
    }
    for (struct pma_entity *at = entities->registry.first;
         at != NULL && entities->config.history_age_ns > 0; at = at->next) {
        entities->stats.states_in_excess -= excess(entities, at);
        expired += pma_history_trim(&at->history, oldest_us);
        entities->stats.states_in_excess += excess(entities, at);
    }
    entities->stats.states_expired += expired;
    entities->stats.history_states -= expired;
    entities->stats.cleanup_runs++;
    entities->cleaned_up_at_ns = pma_now_ns();
    pma_entities_unlock(entities);
    if (expired > 0) {
        pma_log(PMA_LOG_INFO, "Old entity states dropped", pma_u64("states", expired));
    }
}
