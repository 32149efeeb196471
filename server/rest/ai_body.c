/* Checked by hand, member by member: a number of the wrong type that is passed over in
 * silence would be answered with somebody's default.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/ai_body.h"

#include "server/base/clock.h"
#include "server/rest/app.h"
#include "server/rest/later.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGES_MAX 1000
#define TOKENS_MAX   1000000
#define STOPS_MAX    16

static bool is_role(const char *role)
{
    return role != NULL && (strcmp(role, "system") == 0 || strcmp(role, "user") == 0 ||
                            strcmp(role, "assistant") == 0 || strcmp(role, "tool") == 0);
}

static int add(json_t *messages, const char *role, const char *content)
{
    return json_array_append_new(
        messages, json_pack("{s:s, s:s}", "role", role, "content", content));
}

/* Copies what is known of each message. Returns: NULL, or what is wrong. */
static const char *take_messages(const json_t *given, json_t *messages)
{
    size_t at = 0;
    const json_t *message = NULL;
    if (!json_is_array(given) || json_array_size(given) == 0 ||
        json_array_size(given) > MESSAGES_MAX) {
        return "messages must be an array of 1 to 1000 messages";
    }
    json_array_foreach(given, at, message)
    {
        const char *role = json_string_value(json_object_get(message, "role"));
        const char *content = json_string_value(json_object_get(message, "content"));
        if (!is_role(role) || content == NULL) {
            return "a message has a role (system, user, assistant or tool) and a content "
                   "(a text)";
        }
        if (add(messages, role, content) != 0) {
            return "out of memory";
        }
    }
    return NULL;
}

/* context: a text, or a document that is given to the model as it is. */
static const char *take_context(const json_t *context, json_t *messages)
{
    if (context == NULL || json_is_null(context)) {
        return NULL;
    }
    if (!json_is_string(context) && !json_is_object(context)) {
        return "context must be a text or an object";
    }
    char *text = json_is_string(context) ? strdup(json_string_value(context))
                                         : json_dumps(context, JSON_COMPACT);
    json_t *content = text != NULL ? json_sprintf("Context: %s", text) : NULL;
    const int err =
        content != NULL ? add(messages, "system", json_string_value(content)) : -1;
    json_decref(content);
    free(text);
    return err == 0 ? NULL : "out of memory";
}

static const char *take_text(const json_t *body, const char *name, const char **text)
{
    const json_t *value = json_object_get(body, name);
    if (value != NULL && !json_is_null(value) && !json_is_string(value)) {
        return "model, provider and system_prompt must be texts";
    }
    *text = json_string_value(value);
    return NULL;
}

static const char *take_real(const json_t *body, const char *name, double most,
                             double *real)
{
    const json_t *value = json_object_get(body, name);
    *real = -1;
    if (value == NULL || json_is_null(value)) {
        return NULL;
    }
    if (!json_is_number(value) || json_number_value(value) < 0 ||
        json_number_value(value) > most) {
        return "temperature is a number from 0 to 2, top_p from 0 to 1";
    }
    *real = json_number_value(value);
    return NULL;
}

static const char *take_options(const json_t *body, struct pma_ai_request *request)
{
    const json_t *tokens = json_object_get(body, "max_tokens");
    const json_t *stop = json_object_get(body, "stop");
    if (json_is_true(json_object_get(body, "stream"))) {
        return "stream is not supported; leave it out or set it to false";
    }
    if (tokens != NULL && !json_is_null(tokens)) {
        if (!json_is_integer(tokens) || json_integer_value(tokens) < 1 ||
            json_integer_value(tokens) > TOKENS_MAX) {
            return "max_tokens is a whole number from 1 to 1000000";
        }
        request->max_tokens = (uint32_t)json_integer_value(tokens);
    }
    if (stop != NULL && !json_is_null(stop)) {
        if (!json_is_array(stop) || json_array_size(stop) > STOPS_MAX) {
            return "stop is an array of up to 16 texts";
        }
        for (size_t i = 0; i < json_array_size(stop); i++) {
            if (!json_is_string(json_array_get(stop, i))) {
                return "stop is an array of up to 16 texts";
            }
        }
        request->stop = stop;
    }
    const char *wrong = take_real(body, "temperature", 2, &request->temperature);
    return wrong != NULL ? wrong : take_real(body, "top_p", 1, &request->top_p);
}

/* The conversation itself, in whichever member it is. */
static const char *take_question(const json_t *body, json_t *messages)
{
    const json_t *question = json_object_get(body, "message");
    question = question != NULL ? question : json_object_get(body, "prompt");
    if (question == NULL) {
        return take_messages(json_object_get(body, "messages"), messages);
    }
    if (!json_is_string(question) || json_string_length(question) == 0) {
        return "message (or prompt) must be a text that is not empty";
    }
    return add(messages, "user", json_string_value(question)) == 0 ? NULL
                                                                   : "out of memory";
}

const char *pma_ai_body_read(const json_t *body, struct pma_chat *chat, json_t **messages)
{
    const char *system_prompt = NULL;
    *messages = json_array();
    chat->request.messages = *messages;
    const char *wrong = take_text(body, "model", &chat->request.model);
    wrong = wrong != NULL ? wrong : take_text(body, "provider", &chat->preferred);
    wrong = wrong != NULL ? wrong : take_text(body, "system_prompt", &system_prompt);
    wrong = wrong != NULL ? wrong : take_options(body, &chat->request);
    if (wrong == NULL && system_prompt != NULL && system_prompt[0] != '\0' &&
        add(*messages, "system", system_prompt) != 0) {
        wrong = "out of memory";
    }
    wrong =
        wrong != NULL ? wrong : take_context(json_object_get(body, "context"), *messages);
    return wrong != NULL ? wrong : take_question(body, *messages);
}

struct pma_ai *pma_ai_of_request(const struct pma_request *request,
                                 struct pma_reply *reply)
{
    if (request->app->ai == NULL) {
        pma_reply_error(reply, request, 503,
                        "The AI service is switched off (ai.enabled)");
    }
    return request->app->ai;
}

void pma_ai_reply_error(struct pma_reply *reply, const struct pma_request *request,
                        const struct pma_ai_error *error)
{
    pma_reply_error(reply, request, pma_ai_error_status(error->kind), "%s%s%s",
                    error->provider, error->provider[0] != '\0' ? ": " : "", error->text);
    json_object_set_new(
        reply->body, "details",
        json_pack("{s:s, s:s, s:b, s:f}", "type", pma_ai_error_name(error->kind),
                  "provider", error->provider, "retryable", (int)error->retryable,
                  "retry_after_s", (double)error->retry_after_ns / (double)PMA_S_NS));
}

struct pma_ai_scope pma_ai_scope_of(struct pma_request *request)
{
    return (struct pma_ai_scope){.is_given_up = pma_later_is_given_up, .arg = request};
}
