/* One entity over REST: read, made, changed, acted upon, removed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_service.h"
#include "server/entity/room_service.h"
#include "server/rest/app.h"
#include "server/rest/entity_reply.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <string.h>

#define HISTORY_LIMIT 50

void pma_handle_entity(struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_app *app = request->app;
    json_t *entity = NULL;
    json_t *room = NULL;
    const int err = pma_entities_get(app->entities, request->param, &entity);
    if (err != 0) {
        pma_reply_entity_error(reply, request, err, NULL);
        return;
    }
    const char *room_id = pma_entity_room(entity);
    if (room_id != NULL) {
        pma_rooms_get(app->rooms, room_id, false, &room);
    }
    pma_reply_data(reply, json_pack("{s:o, s:o*}", "entity", entity, "room", room));
}

void pma_handle_entity_put(struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_app *app = request->app;
    struct pma_entity_outcome outcome;
    json_t *entity = NULL;
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    int err = pma_entities_submit(app->entities, body, "api", &outcome);
    const char *id = json_string_value(json_object_get(body, "id"));
    if (err == 0) {
        err = pma_entities_get(app->entities, id, &entity);
    }
    if (err != 0) {
        pma_reply_entity_error(reply, request, err, outcome.why);
    } else {
        pma_reply_data(reply,
                       json_pack("{s:s, s:s, s:s, s:O, s:O}", "message",
                                 outcome.created ? "Entity created" : "Entity updated",
                                 "entity_id", id, "operation",
                                 outcome.created ? "create" : "update", "entity", entity,
                                 outcome.created ? "created_at" : "updated_at",
                                 json_object_get(entity, "last_updated")));
    }
    json_decref(entity);
    json_decref(body);
}

void pma_handle_entity_delete(struct pma_request *request, struct pma_reply *reply)
{
    const int err = pma_entities_remove(request->app->entities, request->param);
    if (err != 0) {
        pma_reply_entity_error(reply, request, err, NULL);
    } else {
        pma_reply_data(reply, json_pack("{s:s, s:s}", "message", "Entity deleted",
                                        "entity_id", request->param));
    }
}

void pma_handle_entity_action(struct pma_request *request, struct pma_reply *reply)
{
    char why[PMA_ENTITY_WHY_BYTES];
    json_t *result = NULL;
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    const char *action = json_string_value(json_object_get(body, "action"));
    const json_t *parameters = json_object_get(body, "parameters");
    if (action == NULL || action[0] == '\0') {
        pma_reply_error(reply, request, 400, "action is required, a text");
    } else if (parameters != NULL && !json_is_object(parameters) &&
               !json_is_null(parameters)) {
        pma_reply_error(reply, request, 400, "parameters must be an object");
    } else {
        const int err = pma_entities_act(request->app->entities, request->param, action,
                                         parameters, &result, why);
        if (err != 0) {
            pma_reply_action_error(reply, request, err, why);
        } else {
            pma_reply_data(reply, result);
        }
    }
    json_decref(body);
}

/* The action that a state stands for: on and off are switched, not written. NULL: none.
 */
static const char *action_of(const json_t *state)
{
    const char *text = json_string_value(state);
    if (json_is_true(state) || (text != NULL && strcmp(text, "on") == 0)) {
        return "turn_on";
    }
    if (json_is_false(state) || (text != NULL && strcmp(text, "off") == 0)) {
        return "turn_off";
    }
    return NULL;
}

/* Switches, when the entity can be switched, or writes the state. why: out on error. */
static int apply_state(struct pma_entities *entities, const char *id, const json_t *state,
                       const json_t *attributes, char *why)
{
    struct pma_entity_outcome outcome;
    const char *action = action_of(state);
    const char *text = json_string_value(state);
    json_t *result = NULL;
    int err = action != NULL ? pma_entities_act(entities, id, action, NULL, &result, why)
                             : -ENOTSUP;
    json_decref(result);
    if (err == 0) {
        text = NULL; /* done; what is left are the attributes */
    } else if (err != -ENOTSUP) {
        return err;
    } else if (text == NULL) {
        text = json_is_true(state) ? "on" : "off";
    }
    if (text == NULL && attributes == NULL) {
        return 0;
    }
    err = pma_entities_change(entities, id, text, attributes, "api", &outcome);
    memcpy(why, outcome.why, sizeof outcome.why);
    return err == -EINVAL ? -EBADMSG : err;
}

void pma_handle_entity_state(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_entities *entities = request->app->entities;
    char why[PMA_ENTITY_WHY_BYTES] = "";
    json_t *entity = NULL;
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    const json_t *state = json_object_get(body, "state");
    const json_t *attributes = json_object_get(body, "attributes");
    if (json_is_null(attributes)) {
        attributes = NULL;
    }
    if (!json_is_string(state) && !json_is_boolean(state)) {
        pma_reply_error(reply, request, 400, "state is required, a text, true or false");
        json_decref(body);
        return;
    }
    int err = apply_state(entities, request->param, state, attributes, why);
    if (err == 0) {
        err = pma_entities_get(entities, request->param, &entity);
    }
    if (err == -EBADMSG) {
        pma_reply_error(reply, request, 400, "%s", why);
    } else if (err != 0) {
        pma_reply_action_error(reply, request, err, why);
    } else {
        pma_reply_data(reply,
                       json_pack("{s:s, s:s, s:s, s:O}", "message",
                                 "Entity state updated", "entity_id", request->param,
                                 "new_state", pma_entity_state(entity), "processed_at",
                                 json_object_get(entity, "last_updated")));
    }
    json_decref(entity);
    json_decref(body);
}

/* Moves the entity and tells both rooms. */
static int move(const struct pma_app *app, const char *id, const char *room_id)
{
    json_t *before = NULL;
    int err = pma_entities_get(app->entities, id, &before);
    if (err != 0) {
        return err;
    }
    if (room_id != NULL && !pma_rooms_exist(app->rooms, room_id)) {
        err = -ESRCH;
    } else {
        err = pma_entities_move(app->entities, id, room_id);
    }
    if (err == 0) {
        pma_rooms_touch(app->rooms, pma_entity_room(before));
        pma_rooms_touch(app->rooms, room_id);
    }
    json_decref(before);
    return err;
}

void pma_handle_entity_move(struct pma_request *request, struct pma_reply *reply)
{
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    const json_t *room = json_object_get(body, "room_id");
    const char *room_id = json_string_value(room);
    if (!json_is_string(room) && !json_is_null(room)) {
        pma_reply_error(reply, request, 400,
                        "room_id is required: a text, or null for no room");
        json_decref(body);
        return;
    }
    room_id = room_id != NULL && room_id[0] != '\0' ? room_id : NULL;
    const int err = move(request->app, request->param, room_id);
    if (err == -ESRCH) {
        pma_reply_error(reply, request, 404,
                        "There is no room \"%.100s\"; GET /api/v1/rooms lists them",
                        room_id);
    } else if (err != 0) {
        pma_reply_entity_error(reply, request, err, NULL);
    } else {
        pma_reply_data(reply,
                       json_pack("{s:s, s:s, s:s?}", "message", "Entity assigned to room",
                                 "entity_id", request->param, "room_id", room_id));
    }
    json_decref(body);
}

void pma_handle_entity_history(struct pma_request *request, struct pma_reply *reply)
{
    json_t *states = NULL;
    bool valid = true;
    const uint64_t limit =
        pma_request_number(request, "limit", HISTORY_LIMIT, UINT32_MAX, &valid);
    if (!valid) {
        pma_reply_error(reply, request, 400, "limit is a whole number");
        return;
    }
    const int err =
        pma_entities_history(request->app->entities, request->param, limit, &states);
    if (err != 0) {
        pma_reply_entity_error(reply, request, err, NULL);
        return;
    }
    json_t *meta =
        json_pack("{s:s, s:I, s:I}", "entity_id", request->param, "count",
                  (json_int_t)json_array_size(states), "limit", (json_int_t)limit);
    pma_reply_list(reply, states, meta);
}
