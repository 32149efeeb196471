/* The AI over REST: chats, and what the providers are like.
 *
 * What asks a provider is put off to a worker; everything else is answered from what is
 * known, at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seep/seep.h"
#include "server/ai/ai_report.h"
#include "server/base/clock.h"
#include "server/entity/entity_query.h"
#include "server/entity/entity_service.h"
#include "server/entity/room_service.h"
#include "server/fault/fault.h"
#include "server/rest/ai_body.h"
#include "server/rest/app.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT_ENTITIES_MAX 100
#define CONTEXT_ROOMS_MAX    50

static void chat_with(struct pma_request *request, struct pma_reply *reply,
                      const json_t *body, const char *more_context)
{
    struct pma_ai *ai = request->app->ai;
    struct pma_chat chat = {.request = {.temperature = -1, .top_p = -1}};
    struct pma_chat_outcome outcome;
    struct pma_ai_error error;
    json_t *messages = NULL;
    const struct pma_ai_scope scope = pma_ai_scope_of(request);
    const uint64_t begin_ns = pma_now_ns();
    const char *wrong = pma_ai_body_read(body, &chat, &messages);
    if (wrong != NULL) {
        pma_reply_error(reply, request, 400, "%s", wrong);
        json_decref(messages);
        return;
    }
    if (more_context != NULL) {
        json_array_insert_new(
            messages, 0,
            json_pack("{s:s, s:s}", "role", "system", "content", more_context));
    }
    if (pma_ai_chat(ai, &chat, true, &scope, &outcome, &error) != 0) {
        pma_ai_reply_error(reply, request, &error);
    } else {
        json_t *data = pma_chat_outcome_json(&outcome, pma_now_ns() - begin_ns);
        /* Of a completion the text is wanted under that name. */
        if (json_object_get(body, "prompt") != NULL) {
            json_object_set(data, "text", json_object_get(data, "response"));
        }
        pma_reply_flat(reply, data);
        pma_chat_outcome_fini(&outcome);
    }
    json_decref(messages);
}

static void run_chat(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    json_t *body = pma_request_json(request, reply);
    if (body != NULL) {
        chat_with(request, reply, body, NULL);
        json_decref(body);
    }
}

void pma_handle_ai_chat(struct pma_request *request, struct pma_reply *reply)
{
    if (pma_ai_of_request(request, reply) != NULL) {
        reply->later = run_chat;
    }
}

static void run_complete(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    if (!json_is_string(json_object_get(body, "prompt"))) {
        pma_reply_error(reply, request, 400, "prompt (a text) is required");
    } else {
        chat_with(request, reply, body, NULL);
    }
    json_decref(body);
}

void pma_handle_ai_complete(struct pma_request *request, struct pma_reply *reply)
{
    if (pma_ai_of_request(request, reply) != NULL) {
        reply->later = run_complete;
    }
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* What a model has to know of the house. Returns: owned text; NULL without memory. */
static char *describe_house(const struct pma_app *app)
{
    const struct pma_entity_filter filter = {.limit = CONTEXT_ENTITIES_MAX};
    json_t *entities = NULL;
    json_t *rooms = NULL;
    char *text = NULL;
    size_t text_bytes = 0;
    FILE *stream = open_memstream(&text, &text_bytes);
    if (stream == NULL) {
        return NULL;
    }
    pma_entities_list(app->entities, &filter, &entities);
    pma_rooms_list(app->rooms, false, &rooms);
    fputs("You control a home. Its rooms:\n", stream);
    for (size_t i = 0; i < json_array_size(rooms) && i < CONTEXT_ROOMS_MAX; i++) {
        const json_t *room = json_array_get(rooms, i);
        fprintf(stream, "- %s: %s\n", text_of(room, "id"), text_of(room, "name"));
    }
    fputs("Its entities:\n", stream);
    for (size_t i = 0; i < json_array_size(entities); i++) {
        const json_t *entity = json_array_get(entities, i);
        fprintf(stream, "- %s (%s, %s) is %s; room: %s\n", text_of(entity, "id"),
                text_of(entity, "type"), text_of(entity, "friendly_name"),
                text_of(entity, "state"), text_of(entity, "room_id"));
    }
    json_decref(rooms);
    json_decref(entities);
    fclose(stream);
    return text;
}

static void run_chat_context(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    char *house = describe_house(request->app);
    chat_with(request, reply, body, house);
    free(house);
    json_decref(body);
}

void pma_handle_ai_chat_context(struct pma_request *request, struct pma_reply *reply)
{
    if (pma_ai_of_request(request, reply) != NULL) {
        reply->later = run_chat_context;
    }
}

static void run_providers(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    pma_ai_want_health(request->app->ai);
    pma_ai_check_under_lock(request->app->ai);
    pma_reply_flat(reply, pma_ai_providers_json(request->app->ai));
}

void pma_handle_ai_providers(struct pma_request *request, struct pma_reply *reply)
{
    if (pma_ai_of_request(request, reply) == NULL) {
        return;
    }
    if (pma_fault_enabled(PMA_FAULT_F20)) {
        reply->later = run_providers; /* it waits then */
    } else {
        run_providers(request, reply);
    }
}

void pma_handle_ai_models(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai != NULL) {
        pma_ai_want_health(ai);
        pma_reply_data(reply, pma_ai_models_json(ai));
    }
}

void pma_handle_ai_statistics(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai != NULL) {
        pma_reply_flat(reply, pma_ai_statistics_json(ai));
    }
}

void pma_handle_ai_settings(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai != NULL) {
        pma_ai_want_health(ai);
        pma_reply_flat(reply, pma_ai_settings_json(ai));
    }
}

void pma_handle_ai_settings_set(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    const char *wrong = NULL;
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    json_t *body = ai != NULL ? pma_request_json(request, reply) : NULL;
    if (body == NULL) {
        return;
    }
    const int err = pma_ai_change_settings(ai, body, &wrong);
    json_decref(body);
    if (err == -EINVAL) {
        pma_reply_error(reply, request, 400, "%s", wrong);
    } else if (err != 0) {
        pma_reply_error(reply, request, 500, "The settings were not kept: %s",
                        strerrordesc_np(-err));
    } else {
        pma_reply_flat(reply, pma_ai_settings_json(ai));
    }
}

static void run_test(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_ai *ai = request->app->ai;
    struct pma_ai_error error = {.kind = PMA_AI_ERROR_NONE};
    struct pma_ai_scope scope = pma_ai_scope_of(request);
    struct pma_ai_provider *provider =
        pma_ai_manager_find(pma_ai_manager_of(ai), request->param);
    if (provider == NULL) {
        pma_reply_error(reply, request, 404,
                        "There is no provider \"%.40s\"; GET /api/v1/ai/providers lists "
                        "them",
                        request->param);
        return;
    }
    const uint64_t begin_ns = pma_now_ns();
    scope.deadline_ns = begin_ns + pma_ai_config_of(ai)->health_timeout_ns;
    const int err = pma_ai_provider_check(provider, &scope, &error);
    const double took_ms = (double)(pma_now_ns() - begin_ns) / (double)PMA_MS_NS;
    pma_reply_flat(
        reply, json_pack("{s:s, s:b, s:f, s:s, s:s*}", "provider", request->param,
                         "available", err == 0, "response_time_ms", took_ms, "message",
                         err == 0           ? "The provider answers"
                         : err == -EALREADY ? "Another check is on its way; ask again"
                                            : "The provider is not available",
                         "reason", error.kind != PMA_AI_ERROR_NONE ? error.text : NULL));
}

void pma_handle_ai_test(struct pma_request *request, struct pma_reply *reply)
{
    if (pma_ai_of_request(request, reply) != NULL) {
        reply->later = run_test;
    }
}

void pma_handle_ai_model_install(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    char id[PMA_INSTALL_ID_BYTES];
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    json_t *body = ai != NULL ? pma_request_json(request, reply) : NULL;
    if (body == NULL) {
        return;
    }
    const char *model = text_of(body, "model_name");
    const char *provider = text_of(body, "provider");
    provider = provider[0] != '\0' ? provider : "ollama";
    if (model[0] == '\0' || strlen(model) >= PMA_INSTALL_MODEL_BYTES ||
        strlen(provider) >= PMA_INSTALL_NAME_BYTES) {
        pma_reply_error(reply, request, 400,
                        "model_name (a text of up to %d bytes) is required",
                        PMA_INSTALL_MODEL_BYTES - 1);
        json_decref(body);
        return;
    }
    const int err = pma_ai_install(ai, provider, model, id);
    if (err == 0 || err == -EOPNOTSUPP) {
        pma_reply_flat(reply, json_pack("{s:s, s:s, s:s, s:s, s:s}", "message",
                                        err == 0 ? "Installation queued"
                                                 : "Installation failed; see "
                                                   "ai/models/downloads",
                                        "download_id", id, "model_name", model,
                                        "provider", provider, "install_status",
                                        err == 0 ? "queued" : "failed"));
        reply->status = err == 0 ? 202 : 200;
    } else {
        pma_reply_error(reply, request, 503, "The installation was not queued: %s",
                        err == -EBUSY ? "as many as ai.max_downloads are on their way"
                                      : strerrordesc_np(-err));
    }
    json_decref(body);
}

void pma_handle_ai_model_downloads(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_ai *ai = pma_ai_of_request(request, reply);
    if (ai != NULL) {
        json_t *downloads = pma_installs_json(pma_ai_installs(ai));
        const json_int_t count = (json_int_t)json_array_size(downloads);
        pma_reply_flat(reply,
                       json_pack("{s:o, s:I}", "downloads", downloads, "count", count));
    }
}
