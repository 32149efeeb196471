/* Readers of the registry.
 *
 * A list is made in three steps: references to the candidates are collected under the
 * lock, which costs nanoseconds each; the conditions are checked and the page is copied
 * without it. The candidates are the smallest of the groups that the filter names; when
 * it names nothing else, the group is the answer and only the page is collected.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_query.h"

#include "seep/seep.h"
#include "server/entity/entity_core.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SUBSYSTEM "entity"

/* References to documents, oldest entity first. */
struct candidates {
    struct pma_shared_json **documents;
    size_t count;
    size_t total;  /* matching ones in all, when is_exact */
    bool is_exact; /* every document matches, and they are the page */
};

/* The chain that a filter is answered from. */
struct chain {
    struct pma_entity *first;
    size_t count;
    int kind; /* enum pma_group_kind; -1: all entities */
};

/* Takes in an entity that another backend has. Returns: whether there was one. */
static bool find_elsewhere(struct pma_entities *entities, const char *id)
{
    struct pma_entity_outcome outcome;
    json_t *entity = NULL;
    if (entities->hooks.find == NULL || !pma_entity_id_is_valid(id) ||
        !entities->hooks.find(entities->hooks.arg, id, &entity)) {
        return false;
    }
    const int err = pma_entities_submit(entities, entity, NULL, &outcome);
    json_decref(entity);
    return err == 0;
}

int pma_entities_get_here(struct pma_entities *entities, const char *id, json_t **entity)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_shared_json *snapshot = NULL;
    const int err = pma_entities_snapshot(entities, id, &snapshot);
    if (err != 0) {
        return err;
    }
    json_t *copy = json_deep_copy(pma_shared_json_get(snapshot));
    pma_shared_json_release(snapshot);
    if (copy == NULL) {
        return -ENOMEM;
    }
    *entity = copy;
    return 0;
}

int pma_entities_get(struct pma_entities *entities, const char *id, json_t **entity)
{
    int err = pma_entities_get_here(entities, id, entity);
    if (err == -ENOENT && find_elsewhere(entities, id)) {
        err = pma_entities_get_here(entities, id, entity);
    }
    return err;
}

/* The shortest chain that has all that match. Thread-safety: under LOCK. */
static struct chain choose_chain(const struct pma_registry *registry,
                                 const struct pma_entity_filter *filter)
{
    const char *const names[PMA_GROUP_KINDS] = {filter->type, filter->source,
                                                filter->room_id};
    struct chain chain = {registry->first, registry->by_id.count, -1};
    for (int kind = 0; kind < PMA_GROUP_KINDS; kind++) {
        if (names[kind] == NULL) {
            continue;
        }
        const struct pma_group *group = pma_registry_group(registry, kind, names[kind]);
        const size_t count = group != NULL ? group->count : 0;
        if (chain.kind < 0 || count < chain.count) {
            chain = (struct chain){group != NULL ? group->first : NULL, count, kind};
        }
    }
    return chain;
}

/* Whether the filter is no more than membership in one group, or nothing at all. */
static bool is_one_group(const struct pma_entity_filter *filter)
{
    const int groups =
        (filter->type != NULL) + (filter->source != NULL) + (filter->room_id != NULL);
    return groups <= 1 && filter->text == NULL && filter->capabilities == NULL &&
           !filter->available_only;
}

static struct pma_entity *step(const struct pma_entity *entity, const struct chain *chain)
{
    return chain->kind < 0 ? entity->next : entity->groups[chain->kind].next;
}

/* Thread-safety: under LOCK. Returns: 0; -ENOMEM. */
static int collect(const struct pma_registry *registry,
                   const struct pma_entity_filter *filter, struct candidates *found)
{
    const struct chain chain = choose_chain(registry, filter);
    size_t most = chain.count;
    size_t skip = 0;
    found->is_exact = is_one_group(filter);
    found->total = chain.count;
    if (found->is_exact) {
        skip = filter->offset < chain.count ? filter->offset : chain.count;
        most = chain.count - skip;
        most = filter->limit > 0 && filter->limit < most ? filter->limit : most;
    }
    found->documents = malloc((most + 1) * sizeof(struct pma_shared_json *));
    if (found->documents == NULL) {
        return -ENOMEM;
    }
    for (struct pma_entity *at = chain.first; at != NULL && found->count < most;
         at = step(at, &chain)) {
        if (skip > 0) {
            skip--;
            continue;
        }
        found->documents[found->count++] = pma_shared_json_retain(at->document);
    }
    return 0;
}

static bool is_equal_or_any(const char *wanted, const char *value)
{
    return wanted == NULL || (value != NULL && strcmp(wanted, value) == 0);
}

static bool matches(const json_t *entity, const struct pma_entity_filter *filter)
{
    return is_equal_or_any(filter->type, pma_entity_type(entity)) &&
           is_equal_or_any(filter->source, pma_entity_source(entity)) &&
           is_equal_or_any(filter->room_id, pma_entity_room(entity)) &&
           (!filter->available_only || pma_entity_is_available(entity)) &&
           (filter->capabilities == NULL ||
            pma_entity_is_capable(entity, filter->capabilities)) &&
           (filter->text == NULL || pma_entity_mentions(entity, filter->text));
}

/* Copies the page out of the candidates. Returns: owned by the caller; NULL without
 * memory. */
static json_t *copy_page(const struct candidates *found,
                         const struct pma_entity_filter *filter, size_t *total)
{
    const size_t offset = found->is_exact ? 0 : filter->offset;
    size_t matching = 0;
    json_t *page = json_array();
    for (size_t i = 0; i < found->count && page != NULL; i++) {
        const json_t *entity = pma_shared_json_get(found->documents[i]);
        if (!found->is_exact && !matches(entity, filter)) {
            continue;
        }
        const bool is_wanted =
            matching >= offset &&
            (filter->limit == 0 || json_array_size(page) < filter->limit);
        matching++;
        if (is_wanted && json_array_append_new(page, json_deep_copy(entity)) != 0) {
            json_decref(page);
            page = NULL;
        }
    }
    *total = found->is_exact ? found->total : matching;
    return page;
}

int pma_entities_page(struct pma_entities *entities,
                      const struct pma_entity_filter *filter, json_t **list,
                      size_t *total)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct candidates found = {.documents = NULL};
    size_t matching = 0;
    int err = pma_entities_lock(entities);
    if (err != 0) {
        return err;
    }
    err = collect(&entities->registry, filter, &found);
    pma_entities_unlock(entities);
    if (err == 0) {
        json_t *page = copy_page(&found, filter, &matching);
        err = page != NULL ? 0 : -ENOMEM;
        if (err == 0) {
            *list = page;
            *total = matching;
        }
    }
    for (size_t i = 0; i < found.count; i++) {
        pma_shared_json_release(found.documents[i]);
    }
    free(found.documents);
    return err;
}

int pma_entities_list(struct pma_entities *entities,
                      const struct pma_entity_filter *filter, json_t **list)
{
    size_t total = 0;
    return pma_entities_page(entities, filter, list, &total);
}

json_t *pma_entities_counts(struct pma_entities *entities, enum pma_group_kind kind)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (pma_entities_lock(entities) != 0) {
        return json_object();
    }
    const struct pma_index *groups = &entities->registry.groups[kind];
    json_t *counts = json_object();
    const struct pma_index_node *node = NULL;
    while ((node = pma_index_next(groups, node)) != NULL) {
        const struct pma_group *group = (const struct pma_group *)node;
        json_object_set_new(counts, group->name, json_integer((json_int_t)group->count));
    }
    pma_entities_unlock(entities);
    return counts;
}

int pma_entities_history(struct pma_entities *entities, const char *id, size_t limit,
                         json_t **states)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    json_t *found = NULL;
    int err = pma_entities_lock(entities);
    if (err != 0) {
        return err;
    }
    const struct pma_entity *entity = pma_registry_find(&entities->registry, id);
    if (entity != NULL) {
        found = pma_history_json(&entity->history, limit, 0);
        err = found != NULL ? 0 : -ENOMEM;
    } else {
        err = -ENOENT;
    }
    pma_entities_unlock(entities);
    if (err == 0) {
        *states = found;
    }
    return err;
}

void pma_entities_stats_read(struct pma_entities *entities,
                             struct pma_entities_stats *stats)
{
    pthread_mutex_lock(&entities->lock);
    *stats = entities->stats;
    stats->entities = entities->registry.by_id.count;
    stats->evictable = entities->registry.evictable_count;
    pthread_mutex_unlock(&entities->lock);
    stats->is_blocked = atomic_load_explicit(&entities->is_blocked, memory_order_relaxed);
}
