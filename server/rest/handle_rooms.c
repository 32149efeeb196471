/* Rooms over REST.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/room_service.h"
#include "server/rest/app.h"
#include "server/rest/entity_reply.h"
#include "server/rest/http_block.h"
#include "server/rest/routes.h"

#include <errno.h>

static void reply_room_error(struct pma_reply *reply, const struct pma_request *request,
                             int err, const char *why)
{
    if (err == -ENOENT) {
        pma_reply_error(reply, request, 404,
                        "There is no room \"%.100s\"; GET /api/v1/rooms lists them",
                        request->param);
    } else {
        pma_reply_entity_error(reply, request, err, why);
    }
}

void pma_handle_rooms(struct pma_request *request, struct pma_reply *reply)
{
    json_t *list = NULL;
    const bool with_entities = pma_request_flag(request, "include_entities");
    const int err = pma_rooms_list(request->app->rooms, with_entities, &list);
    if (err != 0) {
        reply_room_error(reply, request, err, NULL);
        return;
    }
    json_t *meta = json_pack("{s:I, s:b}", "count", (json_int_t)json_array_size(list),
                             "include_entities", (int)with_entities);
    pma_reply_list(reply, list, meta);
}

void pma_handle_room(struct pma_request *request, struct pma_reply *reply)
{
    json_t *room = NULL;
    const int err = pma_rooms_get(request->app->rooms, request->param, true, &room);
    if (err != 0) {
        reply_room_error(reply, request, err, NULL);
    } else {
        pma_reply_data(reply, room);
    }
}

/* Creates, or with `id` updates. */
static void submit(struct pma_request *request, struct pma_reply *reply, const char *id)
{
    struct pma_rooms *rooms = request->app->rooms;
    struct pma_entity_outcome outcome;
    char made_id[PMA_ENTITY_ID_BYTES_MAX + 1];
    json_t *room = NULL;
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    if (id != NULL) {
        json_object_set_new(body, "id", json_string(id));
    }
    int err = pma_rooms_submit(rooms, body, made_id, &outcome);
    if (err == 0) {
        err = pma_rooms_get(rooms, made_id, false, &room);
    }
    if (err != 0) {
        reply_room_error(reply, request, err, outcome.why);
    } else {
        pma_reply_data(reply, json_pack("{s:s, s:s, s:O, s:O}", "message",
                                        outcome.created ? "Room created" : "Room updated",
                                        "room_id", made_id, "name",
                                        json_object_get(room, "name"), "room", room));
    }
    json_decref(room);
    json_decref(body);
}

void pma_handle_room_create(struct pma_request *request, struct pma_reply *reply)
{
    if (!pma_http_blocks(request, reply)) {
        submit(request, reply, NULL);
    }
}

void pma_handle_room_update(struct pma_request *request, struct pma_reply *reply)
{
    if (!pma_rooms_exist(request->app->rooms, request->param)) {
        reply_room_error(reply, request, -ENOENT, NULL);
        return;
    }
    submit(request, reply, request->param);
}

void pma_handle_room_delete(struct pma_request *request, struct pma_reply *reply)
{
    json_t *body = NULL;
    if (request->body_bytes > 0) {
        body = pma_request_json(request, reply);
        if (body == NULL) {
            return;
        }
    }
    const json_t *reassign = json_object_get(body, "reassign_to_room_id");
    const char *to = json_string_value(reassign);
    if (reassign != NULL && to == NULL && !json_is_null(reassign)) {
        pma_reply_error(reply, request, 400, "reassign_to_room_id must be a text");
        json_decref(body);
        return;
    }
    to = to != NULL && to[0] != '\0' ? to : NULL;
    const int err = pma_rooms_remove(request->app->rooms, request->param, to);
    if (err == -ESRCH) {
        pma_reply_error(reply, request, 400, "There is no other room \"%.100s\"", to);
    } else if (err != 0) {
        reply_room_error(reply, request, err, NULL);
    } else {
        pma_reply_data(reply, json_pack("{s:s, s:s, s:s?}", "message", "Room deleted",
                                        "room_id", request->param, "reassigned_to", to));
    }
    json_decref(body);
}

void pma_handle_rooms_stats(struct pma_request *request, struct pma_reply *reply)
{
    pma_reply_data(reply, pma_rooms_stats_json(request->app->rooms));
}
