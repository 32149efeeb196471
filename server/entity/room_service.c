/* Rooms: some tens of documents in the order in which they were made.
 *
 * One lock, held while a document is changed or copied: a room is small, and rooms are
 * changed by people. It is not held while entities are asked, except for the events,
 * which have to leave in order.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/room_service.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/hub/hub_index.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SUBSYSTEM      "entity"
#define TEXT_BYTES_MAX 500
#define ROOM_BYTES_MAX 8192

struct room {
    struct pma_index_node node;
    struct room *previous, *next; /* in the order of creation */
    json_t *document;             /* without what entities say */
    char id[];
};

struct pma_rooms {
    struct pma_rooms_config config;
    struct pma_entities *entities;
    struct pma_entity_hooks hooks;
    pthread_mutex_t lock; /* PMA_LOCK_ROOMS: everything below */
    struct pma_index by_id;
    struct room *first, *last;
    int64_t last_id_ns; /* ids made of the clock are never the same twice */
};

int pma_rooms_new(const struct pma_rooms_config *config, struct pma_entities *entities,
                  const struct pma_entity_hooks *hooks, struct pma_rooms **rooms)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (config->max_rooms == 0) {
        return -EINVAL;
    }
    struct pma_rooms *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL || pma_index_init(&fresh->by_id) != 0) {
        free(fresh);
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->entities = entities;
    if (hooks != NULL) {
        fresh->hooks = *hooks;
    }
    pthread_mutex_init(&fresh->lock, NULL);
    *rooms = fresh;
    return 0;
}

/* Under LOCK. */
static struct room *find(struct pma_rooms *rooms, const char *id)
{
    return (struct room *)pma_index_find(&rooms->by_id, id, strlen(id));
}

/* Takes a room out and frees it. Under LOCK. */
static void drop(struct pma_rooms *rooms, struct room *room)
{
    pma_index_remove(&rooms->by_id, &room->node);
    *(room->previous != NULL ? &room->previous->next : &rooms->first) = room->next;
    *(room->next != NULL ? &room->next->previous : &rooms->last) = room->previous;
    json_decref(room->document);
    free(room);
}

void pma_rooms_free(struct pma_rooms *rooms)
{
    if (rooms == NULL) {
        return;
    }
    while (rooms->first != NULL) {
        drop(rooms, rooms->first);
    }
    pma_index_fini(&rooms->by_id);
    pthread_mutex_destroy(&rooms->lock);
    free(rooms);
}

/* Tells about a room. Under LOCK. */
static void publish(struct pma_rooms *rooms, const json_t *document, const char *action)
{
    const char *id = json_string_value(json_object_get(document, "id"));
    char now[PMA_TIMESTAMP_BYTES];
    if (rooms->hooks.publish == NULL) {
        return;
    }
    pma_timestamp_now(now);
    json_t *data = json_pack("{s:s, s:O, s:s, s:o, s:s}", "room_id", id, "room_name",
                             json_object_get(document, "name"), "action", action, "room",
                             json_deep_copy(document), "timestamp", now);
    const struct pma_entity_event event = {
        .type = "room_updated", .room_id = id, .data = data};
    if (data != NULL) {
        rooms->hooks.publish(rooms->hooks.arg, &event);
    }
    json_decref(data);
}

/* Reads a member into the document: given, or what is there. */
static int take_member(json_t *document, const json_t *given, const char *name, char kind,
                       char *why)
{
    const json_t *value = json_object_get(given, name);
    const char *text = json_string_value(value);
    if (value == NULL) {
        return 0;
    }
    if (json_is_null(value)) {
        json_object_del(document, name);
        return 0;
    }
    if (kind == 'o' ? !json_is_object(value)
                    : text == NULL || strlen(text) != json_string_length(value) ||
                          strlen(text) > TEXT_BYTES_MAX) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "%s must be %s", name,
                 kind == 'o' ? "an object" : "a text of at most 500 bytes");
        return -EINVAL;
    }
    return json_object_set_new(document, name, json_deep_copy(value)) == 0 ? 0 : -ENOMEM;
}

/* Builds the next document of a room. old: NULL for a new one. */
static int build(const json_t *given, const json_t *old, const char *id,
                 json_t **document, char *why)
{
    static const struct {
        const char *name;
        char kind; /* 't' text, 'o' object */
    } members[] = {
        {"name", 't'},      {"icon", 't'},     {"description", 't'},
        {"parent_id", 't'}, {"metadata", 'o'}, {"attributes", 'o'},
    };
    char now[PMA_TIMESTAMP_BYTES];
    pma_timestamp_now(now);
    json_t *fresh = old != NULL ? json_deep_copy(old) : json_object();
    int err = fresh != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; i < sizeof members / sizeof members[0] && err == 0; i++) {
        err = take_member(fresh, given, members[i].name, members[i].kind, why);
    }
    const char *name = json_string_value(json_object_get(fresh, "name"));
    const char *created_at = json_string_value(json_object_get(given, "created_at"));
    if (err == 0 && (name == NULL || name[0] == '\0')) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "name is required");
        err = -EINVAL;
    }
    if (err == 0 && old == NULL) {
        err = json_object_set_new(fresh, "id", json_string(id)) |
              json_object_set_new(fresh, "created_at",
                                  json_string(created_at != NULL ? created_at : now));
    }
    if (err == 0 && json_object_get(fresh, "metadata") == NULL) {
        err = json_object_set_new(fresh, "metadata",
                                  json_pack("{s:s}", "source", PMA_ENTITY_SOURCE_API));
    }
    if (err == 0) {
        err = json_object_set_new(fresh, "updated_at", json_string(now));
    }
    if (err == 0 && json_dumpb(fresh, NULL, 0, JSON_COMPACT) > ROOM_BYTES_MAX) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "a room has at most 8192 bytes");
        err = -EINVAL;
    }
    if (err != 0) {
        json_decref(fresh);
        return err == -1 ? -ENOMEM : err;
    }
    *document = fresh;
    return 0;
}

/* document: taken on success. Under LOCK. */
static int add(struct pma_rooms *rooms, const char *id, json_t *document, char *why)
{
    const size_t id_bytes = strlen(id) + 1;
    if (rooms->by_id.count >= rooms->config.max_rooms) {
        snprintf(why, PMA_ENTITY_WHY_BYTES, "there are %zu rooms, as many as may be",
                 rooms->by_id.count);
        return -ENOSPC;
    }
    struct room *fresh = calloc(1, sizeof *fresh + id_bytes);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    memcpy(fresh->id, id, id_bytes);
    fresh->node.name = fresh->id;
    fresh->document = document;
    fresh->previous = rooms->last;
    *(rooms->last != NULL ? &rooms->last->next : &rooms->first) = fresh;
    rooms->last = fresh;
    pma_index_add(&rooms->by_id, &fresh->node);
    return 0;
}

/* Under LOCK. */
static void make_id(struct pma_rooms *rooms, char id[PMA_ENTITY_ID_BYTES_MAX + 1])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ns = (int64_t)now.tv_sec * (int64_t)PMA_S_NS + now.tv_nsec;
    ns = ns > rooms->last_id_ns ? ns : rooms->last_id_ns + 1;
    rooms->last_id_ns = ns;
    snprintf(id, PMA_ENTITY_ID_BYTES_MAX + 1, "pma_room_%lld", (long long)ns);
}

/* Under LOCK. id: in, or empty; out. */
static int submit(struct pma_rooms *rooms, const json_t *given, char *id, bool is_told,
                  struct pma_entity_outcome *outcome)
{
    json_t *document = NULL;
    if (id[0] == '\0') {
        make_id(rooms, id);
    }
    struct room *room = find(rooms, id);
    int err =
        build(given, room != NULL ? room->document : NULL, id, &document, outcome->why);
    if (err != 0) {
        return err;
    }
    if (room != NULL) {
        json_decref(room->document);
        room->document = document;
    } else {
        err = add(rooms, id, document, outcome->why);
        if (err != 0) {
            json_decref(document);
            return err;
        }
    }
    outcome->created = room == NULL;
    outcome->changed = true;
    if (is_told) {
        publish(rooms, document, room == NULL ? "created" : "updated");
    }
    return 0;
}

static int submit_locked(struct pma_rooms *rooms, const json_t *given, char *id,
                         bool is_told, struct pma_entity_outcome *outcome)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    const json_t *wanted = json_object_get(given, "id");
    const char *text = json_string_value(wanted);
    memset(outcome, 0, sizeof *outcome);
    id[0] = '\0';
    if (wanted != NULL && (text == NULL || !pma_entity_id_is_valid(text))) {
        snprintf(outcome->why, sizeof outcome->why, "id is no valid id");
        return -EINVAL;
    }
    if (text != NULL) {
        snprintf(id, PMA_ENTITY_ID_BYTES_MAX + 1, "%s", text);
    }
    pthread_mutex_lock(&rooms->lock);
    const int err = submit(rooms, given, id, is_told, outcome);
    pthread_mutex_unlock(&rooms->lock);
    return err;
}

int pma_rooms_submit(struct pma_rooms *rooms, const json_t *room, char *id,
                     struct pma_entity_outcome *outcome)
{
    return submit_locked(rooms, room, id, true, outcome);
}

int pma_rooms_put(struct pma_rooms *rooms, const json_t *room, bool *created)
{
    char id[PMA_ENTITY_ID_BYTES_MAX + 1];
    struct pma_entity_outcome outcome;
    const int err = submit_locked(rooms, room, id, true, &outcome);
    if (err == 0 && created != NULL) {
        *created = outcome.created;
    }
    return err;
}

int pma_rooms_restore(struct pma_rooms *rooms, const json_t *room)
{
    char id[PMA_ENTITY_ID_BYTES_MAX + 1];
    struct pma_entity_outcome outcome;
    return submit_locked(rooms, room, id, false, &outcome);
}

/* Adds what entities and other rooms say about a room. room: the caller's own copy. */
static int complete(struct pma_rooms *rooms, json_t *room, bool with_entities)
{
    const char *id = json_string_value(json_object_get(room, "id"));
    const struct pma_entity_filter filter = {.room_id = id};
    json_t *entities = NULL;
    const int err = pma_entities_list(rooms->entities, &filter, &entities);
    if (err != 0) {
        return err;
    }
    json_t *ids = json_array();
    json_t *sources = json_object();
    size_t index = 0;
    json_t *entity = NULL;
    json_array_foreach(entities, index, entity)
    {
        const char *source = pma_entity_source(entity);
        const json_int_t count = json_integer_value(json_object_get(sources, source));
        json_array_append_new(ids, json_string(pma_entity_id(entity)));
        json_object_set_new(sources, source, json_integer(count + 1));
    }
    int failed = json_object_set_new(room, "entity_ids", ids);
    failed |= json_object_set_new(room, "entity_count",
                                  json_integer((json_int_t)json_array_size(entities)));
    failed |= json_object_set_new(room, "source_counts", sources);
    if (with_entities) {
        failed |= json_object_set(room, "entities", entities);
    }
    json_decref(entities);
    return failed != 0 ? -ENOMEM : 0;
}

/* The ids of the rooms whose parent is `id`. Under LOCK. Owned by the caller. */
static json_t *children_of(struct pma_rooms *rooms, const char *id)
{
    json_t *children = json_array();
    for (const struct room *at = rooms->first; at != NULL; at = at->next) {
        const char *parent =
            json_string_value(json_object_get(at->document, "parent_id"));
        if (parent != NULL && strcmp(parent, id) == 0) {
            json_array_append_new(children, json_string(at->id));
        }
    }
    return children;
}

/* A room's document with its children, of its own. Under LOCK. */
static json_t *copy_room(struct pma_rooms *rooms, const struct room *room)
{
    json_t *copy = json_deep_copy(room->document);
    if (copy != NULL) {
        json_object_set_new(copy, "children", children_of(rooms, room->id));
    }
    return copy;
}

int pma_rooms_list(struct pma_rooms *rooms, bool with_entities, json_t **list)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    json_t *all = json_array();
    int err = 0;
    pthread_mutex_lock(&rooms->lock);
    for (const struct room *at = rooms->first; at != NULL; at = at->next) {
        if (json_array_append_new(all, copy_room(rooms, at)) != 0) {
            err = -ENOMEM;
        }
    }
    pthread_mutex_unlock(&rooms->lock);
    for (size_t i = 0; i < json_array_size(all) && err == 0; i++) {
        err = complete(rooms, json_array_get(all, i), with_entities);
    }
    if (err != 0) {
        json_decref(all);
        return err;
    }
    *list = all;
    return 0;
}

int pma_rooms_get(struct pma_rooms *rooms, const char *id, bool with_entities,
                  json_t **room)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    pthread_mutex_lock(&rooms->lock);
    const struct room *found = find(rooms, id);
    json_t *copy = found != NULL ? copy_room(rooms, found) : NULL;
    pthread_mutex_unlock(&rooms->lock);
    if (copy == NULL) {
        return found != NULL ? -ENOMEM : -ENOENT;
    }
    const int err = complete(rooms, copy, with_entities);
    if (err != 0) {
        json_decref(copy);
        return err;
    }
    *room = copy;
    return 0;
}

bool pma_rooms_exist(struct pma_rooms *rooms, const char *id)
{
    pthread_mutex_lock(&rooms->lock);
    const bool exists = find(rooms, id) != NULL;
    pthread_mutex_unlock(&rooms->lock);
    return exists;
}

/* Moves all entities of a room. Returns: 0; the first error, the others are moved all the
 * same. */
static int empty_room(struct pma_rooms *rooms, const char *id, const char *to)
{
    const struct pma_entity_filter filter = {.room_id = id};
    json_t *entities = NULL;
    int err = pma_entities_list(rooms->entities, &filter, &entities);
    size_t index = 0;
    json_t *entity = NULL;
    json_array_foreach(entities, index, entity)
    {
        const int moved = pma_entities_move(rooms->entities, pma_entity_id(entity), to);
        /* One that was removed meanwhile needs no room. */
        err = err == 0 && moved != -ENOENT ? moved : err;
    }
    json_decref(entities);
    return err;
}

int pma_rooms_remove(struct pma_rooms *rooms, const char *id, const char *reassign_to)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (!pma_rooms_exist(rooms, id)) {
        return -ENOENT;
    }
    if (reassign_to != NULL &&
        (strcmp(reassign_to, id) == 0 || !pma_rooms_exist(rooms, reassign_to))) {
        return -ESRCH;
    }
    const int err = empty_room(rooms, id, reassign_to);
    if (err != 0) {
        return err;
    }
    pthread_mutex_lock(&rooms->lock);
    struct room *room = find(rooms, id);
    if (room != NULL) {
        publish(rooms, room->document, "deleted");
        drop(rooms, room);
    }
    pthread_mutex_unlock(&rooms->lock);
    pma_rooms_touch(rooms, reassign_to);
    return room != NULL ? 0 : -ENOENT;
}

void pma_rooms_forget(struct pma_rooms *rooms, const char *id)
{
    pthread_mutex_lock(&rooms->lock);
    struct room *room = find(rooms, id);
    if (room != NULL) {
        drop(rooms, room);
    }
    pthread_mutex_unlock(&rooms->lock);
}

void pma_rooms_touch(struct pma_rooms *rooms, const char *id)
{
    if (id == NULL) {
        return;
    }
    pthread_mutex_lock(&rooms->lock);
    const struct room *room = find(rooms, id);
    if (room != NULL) {
        publish(rooms, room->document, "updated");
    }
    pthread_mutex_unlock(&rooms->lock);
}

json_t *pma_rooms_stats_json(struct pma_rooms *rooms)
{
    struct pma_entities_stats stats;
    json_int_t occupied = 0;
    json_int_t inside = 0;
    json_t *counts = pma_entities_counts(rooms->entities, PMA_GROUP_ROOM);
    json_t *by_room = json_object();
    pma_entities_stats_read(rooms->entities, &stats);
    pthread_mutex_lock(&rooms->lock);
    const json_int_t total = (json_int_t)rooms->by_id.count;
    for (const struct room *at = rooms->first; at != NULL; at = at->next) {
        const json_int_t here = json_integer_value(json_object_get(counts, at->id));
        json_object_set_new(by_room, at->id, json_integer(here));
        occupied += here > 0;
        inside += here;
    }
    pthread_mutex_unlock(&rooms->lock);
    json_decref(counts);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "total_rooms", total,
                     "rooms_with_entities", occupied, "empty_rooms", total - occupied,
                     "total_entities", (json_int_t)stats.entities, "entities_in_rooms",
                     inside, "unassigned_entities", (json_int_t)stats.entities - inside,
                     "by_room", by_room);
}

uint32_t pma_rooms_count(struct pma_rooms *rooms)
{
    pthread_mutex_lock(&rooms->lock);
    const uint32_t count = (uint32_t)rooms->by_id.count;
    pthread_mutex_unlock(&rooms->lock);
    return count;
}
