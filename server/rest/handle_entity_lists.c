/* Lists of entities over REST: all, by type, by source, by room, by text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config.h"
#include "server/entity/entity_fault.h"
#include "server/entity/entity_service.h"
#include "server/entity/room_service.h"
#include "server/rest/app.h"
#include "server/rest/entity_reply.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <string.h>

/* How an entity stands in a list. */
enum shape {
    SHAPE_BARE = 1,    /* the entity, with its room inside when asked for */
    SHAPE_WRAPPED = 2, /* {entity, room?} */
};

/* Reads what all lists have in common. Returns: false, and the reply says why. */
static bool read_filter(const struct pma_request *request, struct pma_reply *reply,
                        struct pma_entity_filter *filter, json_t **capabilities)
{
    const uint64_t most = request->app->config->entities.max_entities;
    const char *wanted = request->argument(request, "capabilities");
    bool valid = true;
    filter->limit = pma_request_number(request, "limit", 0, most, &valid);
    filter->offset = pma_request_number(request, "offset", 0, UINT32_MAX, &valid);
    filter->available_only = pma_request_flag(request, "available_only");
    if (!valid) {
        pma_reply_error(reply, request, 400,
                        "limit is a number from 0 (all) to %llu, offset from 0",
                        (unsigned long long)most);
        return false;
    }
    if (wanted != NULL && wanted[0] != '\0') {
        *capabilities = json_loads(wanted, 0, NULL);
        if (!json_is_array(*capabilities)) {
            json_decref(*capabilities);
            *capabilities = NULL;
            pma_reply_error(reply, request, 400,
                            "capabilities is an array of texts in JSON");
            return false;
        }
        filter->capabilities = *capabilities;
    }
    return true;
}

/* {source: entities of it in the list}. Owned by the caller. */
static json_t *count_sources(const json_t *list)
{
    json_t *counts = json_object();
    size_t index = 0;
    json_t *entity = NULL;
    json_array_foreach(list, index, entity)
    {
        const char *source = pma_entity_source(entity);
        const json_int_t count = json_integer_value(json_object_get(counts, source));
        json_object_set_new(counts, source, json_integer(count + 1));
    }
    return counts;
}

/* Puts the rooms of the entities into the list, each room read once, and wraps the
 * entities when the shape says so. list: taken. Owned by the caller. */
static json_t *shape_list(const struct pma_app *app, json_t *list, enum shape shape,
                          bool with_room)
{
    json_t *rooms = json_object();
    json_t *shaped = json_array();
    size_t index = 0;
    json_t *entity = NULL;
    json_array_foreach(list, index, entity)
    {
        const char *room_id = with_room ? pma_entity_room(entity) : NULL;
        json_t *room = room_id != NULL ? json_object_get(rooms, room_id) : NULL;
        if (room_id != NULL && room == NULL &&
            pma_rooms_get(app->rooms, room_id, false, &room) == 0) {
            json_object_set_new(rooms, room_id, room);
        }
        if (shape == SHAPE_BARE) {
            json_object_set(entity, "room", room);
            json_array_append(shaped, entity);
        } else {
            json_array_append_new(
                shaped, json_pack("{s:O, s:O*}", "entity", entity, "room", room));
        }
    }
    json_decref(rooms);
    json_decref(list);
    return shaped;
}

static void reply_list(struct pma_request *request, struct pma_reply *reply,
                       struct pma_entity_filter *filter, enum shape shape)
{
    const struct pma_app *app = request->app;
    const bool with_room =
        shape == SHAPE_WRAPPED || pma_request_flag(request, "include_room");
    json_t *capabilities = NULL;
    json_t *list = NULL;
    size_t total = 0;
    if (!read_filter(request, reply, filter, &capabilities)) {
        return;
    }
    int err = pma_entities_page(app->entities, filter, &list, &total);
    json_decref(capabilities);
    if (err == -EDEADLK && pma_entity_fault_list(app->entities)) {
        list = json_array();
        err = 0;
    }
    if (err != 0) {
        pma_reply_entity_error(reply, request, err, NULL);
        return;
    }
    json_t *meta = json_pack(
        "{s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:s*, s:o}", "count",
        (json_int_t)json_array_size(list), "total", (json_int_t)total, "limit",
        (json_int_t)filter->limit, "offset", (json_int_t)filter->offset, "include_room",
        (int)with_room, "include_area", (int)pma_request_flag(request, "include_area"),
        "available_only", (int)filter->available_only, "domain", filter->type,
        "by_source", count_sources(list));
    if (with_room || shape == SHAPE_WRAPPED) {
        list = shape_list(app, list, shape, with_room);
    }
    pma_reply_list(reply, list, meta);
}

void pma_handle_entities(struct pma_request *request, struct pma_reply *reply)
{
    const char *type = request->argument(request, "type");
    struct pma_entity_filter filter = {
        .type = type != NULL ? type : request->argument(request, "domain"),
        .source = request->argument(request, "source"),
        .room_id = request->argument(request, "room_id"),
    };
    reply_list(request, reply, &filter, SHAPE_BARE);
}

void pma_handle_entities_by_type(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_entity_filter filter = {.type = request->param};
    reply_list(request, reply, &filter, SHAPE_WRAPPED);
}

void pma_handle_entities_by_source(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_entity_filter filter = {.source = request->param};
    reply_list(request, reply, &filter, SHAPE_WRAPPED);
}

void pma_handle_entities_by_room(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_entity_filter filter = {.room_id = request->param};
    reply_list(request, reply, &filter, SHAPE_WRAPPED);
}

void pma_handle_entities_search(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_entity_filter filter = {
        .text = request->argument(request, "q"),
        .type = request->argument(request, "type"),
        .source = request->argument(request, "source"),
    };
    if (filter.text == NULL || filter.text[0] == '\0') {
        pma_reply_error(reply, request, 400, "q is required: the text to search for");
        return;
    }
    reply_list(request, reply, &filter, SHAPE_WRAPPED);
}

/* names: taken. */
static void reply_names(struct pma_reply *reply, json_t *names)
{
    json_t *meta = json_pack("{s:I}", "count", (json_int_t)json_array_size(names));
    pma_reply_list(reply, names, meta);
}

void pma_handle_entity_types(struct pma_request *request, struct pma_reply *reply)
{
    (void)request;
    reply_names(reply, pma_entity_types_json());
}

void pma_handle_entity_capabilities(struct pma_request *request, struct pma_reply *reply)
{
    (void)request;
    reply_names(reply, pma_entity_capabilities_json());
}
