/* Entities and their indices.
 *
 * The first implementation put an entity into its type's and source's lists when it came
 * in and forgot them when an update changed type or source. Here a group membership is a
 * part of the entity, and replacing the document is the one place where it can change.
 *
 * I1: an entity is in the group that its document names, of each kind, and in no other.
 * I2: a group has at least one entity.
 * I3: the list by use holds exactly the evictable entities, so that finding a victim
 *     costs nothing however many connected devices there are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_registry.h"

#include "server/entity/entity_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int pma_registry_init(struct pma_registry *registry)
{
    int err = pma_index_init(&registry->by_id);
    if (err != 0) {
        return err;
    }
    for (int kind = 0; kind < PMA_GROUP_KINDS; kind++) {
        err = pma_index_init(&registry->groups[kind]);
        if (err != 0) {
            while (kind-- > 0) {
                pma_index_fini(&registry->groups[kind]);
            }
            pma_index_fini(&registry->by_id);
            return err;
        }
    }
    return 0;
}

void pma_registry_fini(struct pma_registry *registry)
{
    while (registry->first != NULL) {
        pma_registry_remove(registry, registry->first);
    }
    for (int kind = 0; kind < PMA_GROUP_KINDS; kind++) {
        pma_index_fini(&registry->groups[kind]);
    }
    pma_index_fini(&registry->by_id);
}

struct pma_entity *pma_registry_find(const struct pma_registry *registry, const char *id)
{
    /* The node is the first member. */
    return (struct pma_entity *)pma_index_find(&registry->by_id, id, strlen(id));
}

struct pma_group *pma_registry_group(const struct pma_registry *registry,
                                     enum pma_group_kind kind, const char *name)
{
    return (struct pma_group *)pma_index_find(&registry->groups[kind], name,
                                              strlen(name));
}

static const char *group_name(const json_t *document, enum pma_group_kind kind)
{
    switch (kind) {
    case PMA_GROUP_TYPE:
        return pma_entity_type(document);
    case PMA_GROUP_SOURCE:
        return pma_entity_source(document);
    case PMA_GROUP_ROOM:
        return pma_entity_room(document);
    case PMA_GROUP_KINDS:
    default:
        return NULL;
    }
}

/* Finds or makes the group. Returns: 0 and *group, NULL for no name; -ENOMEM. A fresh
 * group is empty until join() or drop_if_empty(). */
static int open_group(struct pma_registry *registry, enum pma_group_kind kind,
                      const char *name, struct pma_group **group)
{
    *group = name != NULL ? pma_registry_group(registry, kind, name) : NULL;
    if (name == NULL || *group != NULL) {
        return 0;
    }
    const size_t name_bytes = strlen(name) + 1;
    struct pma_group *fresh = calloc(1, sizeof *fresh + name_bytes);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    memcpy(fresh->name, name, name_bytes);
    fresh->node.name = fresh->name;
    pma_index_add(&registry->groups[kind], &fresh->node);
    *group = fresh;
    return 0;
}

static void drop_if_empty(struct pma_registry *registry, enum pma_group_kind kind,
                          struct pma_group *group)
{
    if (group != NULL && group->count == 0) {
        pma_index_remove(&registry->groups[kind], &group->node);
        free(group);
    }
}

static void leave(struct pma_registry *registry, struct pma_entity *entity,
                  enum pma_group_kind kind)
{
    struct pma_group *group = entity->groups[kind].group;
    if (group == NULL) {
        return;
    }
    struct pma_entity *previous = entity->groups[kind].previous;
    struct pma_entity *next = entity->groups[kind].next;
    *(previous != NULL ? &previous->groups[kind].next : &group->first) = next;
    *(next != NULL ? &next->groups[kind].previous : &group->last) = previous;
    entity->groups[kind].group = NULL;
    group->count--;
    drop_if_empty(registry, kind, group);
}

static void join(struct pma_group *group, struct pma_entity *entity,
                 enum pma_group_kind kind)
{
    entity->groups[kind].group = group;
    entity->groups[kind].next = NULL;
    entity->groups[kind].previous = group != NULL ? group->last : NULL;
    if (group == NULL) {
        return;
    }
    *(group->last != NULL ? &group->last->groups[kind].next : &group->first) = entity;
    group->last = entity;
    group->count++;
}

static void leave_use(struct pma_registry *registry, struct pma_entity *entity)
{
    if (!entity->is_evictable) {
        return;
    }
    *(entity->older != NULL ? &entity->older->newer : &registry->least_used) =
        entity->newer;
    *(entity->newer != NULL ? &entity->newer->older : &registry->most_used) =
        entity->older;
    entity->is_evictable = false;
    registry->evictable_count--;
}

static void join_use(struct pma_registry *registry, struct pma_entity *entity)
{
    entity->is_evictable = true;
    entity->newer = NULL;
    entity->older = registry->most_used;
    *(registry->most_used != NULL ? &registry->most_used->newer : &registry->least_used) =
        entity;
    registry->most_used = entity;
    registry->evictable_count++;
}

/* Puts the entity into the groups of `document`. Returns: 0; -ENOMEM, nothing changed. */
static int regroup(struct pma_registry *registry, struct pma_entity *entity,
                   const json_t *document)
{
    struct pma_group *groups[PMA_GROUP_KINDS] = {NULL};
    int err = 0;
    for (int kind = 0; kind < PMA_GROUP_KINDS && err == 0; kind++) {
        err = open_group(registry, kind, group_name(document, kind), &groups[kind]);
    }
    for (int kind = 0; kind < PMA_GROUP_KINDS; kind++) {
        if (err != 0) {
            drop_if_empty(registry, kind, groups[kind]);
        } else if (groups[kind] != entity->groups[kind].group) {
            leave(registry, entity, kind);
            join(groups[kind], entity, kind);
        }
    }
    return err;
}

static void reuse(struct pma_registry *registry, struct pma_entity *entity,
                  const json_t *document)
{
    leave_use(registry, entity);
    if (!pma_entity_is_available(document) || pma_entity_is_virtual(document)) {
        join_use(registry, entity);
    }
}

int pma_registry_add(struct pma_registry *registry, struct pma_shared_json *document,
                     struct pma_entity **entity)
{
    const json_t *json = pma_shared_json_get(document);
    const char *id = pma_entity_id(json);
    const size_t id_bytes = strlen(id) + 1;
    struct pma_entity *fresh = calloc(1, sizeof *fresh + id_bytes);
    if (fresh == NULL || regroup(registry, fresh, json) != 0) {
        free(fresh);
        return -ENOMEM;
    }
    memcpy(fresh->id, id, id_bytes);
    fresh->node.name = fresh->id;
    fresh->document = document;
    pma_index_add(&registry->by_id, &fresh->node);
    fresh->previous = registry->last;
    *(registry->last != NULL ? &registry->last->next : &registry->first) = fresh;
    registry->last = fresh;
    reuse(registry, fresh, json);
    *entity = fresh;
    return 0;
}

int pma_registry_replace(struct pma_registry *registry, struct pma_entity *entity,
                         struct pma_shared_json *document)
{
    const json_t *json = pma_shared_json_get(document);
    const int err = regroup(registry, entity, json);
    if (err != 0) {
        return err;
    }
    pma_shared_json_release(entity->document);
    entity->document = document;
    reuse(registry, entity, json);
    return 0;
}

void pma_registry_remove(struct pma_registry *registry, struct pma_entity *entity)
{
    for (int kind = 0; kind < PMA_GROUP_KINDS; kind++) {
        leave(registry, entity, kind);
    }
    leave_use(registry, entity);
    pma_registry_unmark(registry, entity);
    pma_index_remove(&registry->by_id, &entity->node);
    *(entity->previous != NULL ? &entity->previous->next : &registry->first) =
        entity->next;
    *(entity->next != NULL ? &entity->next->previous : &registry->last) =
        entity->previous;
    pma_history_fini(&entity->history);
    pma_shared_json_release(entity->document);
    free(entity);
}

void pma_registry_touch(struct pma_registry *registry, struct pma_entity *entity)
{
    if (entity->is_evictable) {
        leave_use(registry, entity);
        join_use(registry, entity);
    }
}

void pma_registry_mark(struct pma_registry *registry, struct pma_entity *entity)
{
    if (entity->is_dirty) {
        return;
    }
    entity->is_dirty = true;
    entity->dirty_next = NULL;
    entity->dirty_previous = registry->dirty_last;
    *(registry->dirty_last != NULL ? &registry->dirty_last->dirty_next
                                   : &registry->dirty_first) = entity;
    registry->dirty_last = entity;
}

void pma_registry_unmark(struct pma_registry *registry, struct pma_entity *entity)
{
    if (!entity->is_dirty) {
        return;
    }
    *(entity->dirty_previous != NULL ? &entity->dirty_previous->dirty_next
                                     : &registry->dirty_first) = entity->dirty_next;
    *(entity->dirty_next != NULL ? &entity->dirty_next->dirty_previous
                                 : &registry->dirty_last) = entity->dirty_previous;
    entity->is_dirty = false;
}

struct pma_entity *pma_registry_victim(const struct pma_registry *registry)
{
    return registry->least_used;
}

static bool is_grouped_right(const struct pma_registry *registry,
                             const struct pma_entity *entity)
{
    const json_t *document = pma_shared_json_get(entity->document);
    for (int kind = 0; kind < PMA_GROUP_KINDS; kind++) {
        const char *name = group_name(document, kind);
        const struct pma_group *group = entity->groups[kind].group;
        if ((name == NULL) != (group == NULL) ||
            (name != NULL && group != pma_registry_group(registry, kind, name))) {
            return false;
        }
    }
    return entity->is_evictable ==
           (!pma_entity_is_available(document) || pma_entity_is_virtual(document));
}

bool pma_registry_is_valid(const struct pma_registry *registry)
{
    size_t members[PMA_GROUP_KINDS] = {0};
    size_t count = 0;
    size_t evictable = 0;
    for (const struct pma_entity *at = registry->first; at != NULL; at = at->next) {
        if (pma_registry_find(registry, at->id) != at ||
            !is_grouped_right(registry, at)) {
            return false;
        }
        for (int kind = 0; kind < PMA_GROUP_KINDS; kind++) {
            members[kind] += at->groups[kind].group != NULL;
        }
        count++;
    }
    for (const struct pma_entity *at = registry->least_used; at != NULL; at = at->newer) {
        evictable += at->is_evictable;
    }
    for (int kind = 0; kind < PMA_GROUP_KINDS; kind++) {
        const struct pma_index_node *node = NULL;
        while ((node = pma_index_next(&registry->groups[kind], node)) != NULL) {
            const struct pma_group *group = (const struct pma_group *)node;
            size_t listed = 0;
            for (const struct pma_entity *at = group->first; at != NULL;
                 at = at->groups[kind].next) {
                listed++;
            }
            if (listed != group->count || listed == 0) {
                return false;
            }
            members[kind] -= listed;
        }
        if (members[kind] != 0) {
            return false;
        }
    }
    return count == registry->by_id.count && evictable == registry->evictable_count;
}
