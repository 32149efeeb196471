/* generateContent.
 *
 * Roles are "user" and "model", texts are parts, and a tool's result is named by the
 * tool, not by a call's id. The key could stand in the query, where every proxy logs it;
 * here it goes into the header that the API takes as well.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/dialect_gemini.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A model's name comes from clients: what is not a plain character is escaped, so that it
 * cannot choose another path. */
static void chat_path(const char *model, char path[PMA_DIALECT_PATH_BYTES])
{
    static const char suffix[] = ":generateContent";
    size_t used = (size_t)snprintf(path, PMA_DIALECT_PATH_BYTES, "/v1beta/models/");
    for (; *model != '\0' && used + 3 + sizeof suffix <= PMA_DIALECT_PATH_BYTES;
         model++) {
        const unsigned char byte = (unsigned char)*model;
        if (isalnum(byte) || byte == '-' || byte == '.' || byte == '_') {
            path[used++] = (char)byte;
        } else {
            used += (size_t)snprintf(path + used, 4, "%%%02X", byte);
        }
    }
    memcpy(path + used, suffix, sizeof suffix);
}

static json_t *text_part(const char *text)
{
    return json_pack("[{s:s}]", "text", text);
}

static json_t *write_parts(const json_t *message)
{
    const char *text = pma_dialect_text(message, "content");
    json_t *parts = text[0] != '\0' ? text_part(text) : json_array();
    size_t at = 0;
    json_t *call = NULL;
    json_array_foreach(json_object_get(message, "tool_calls"), at, call)
    {
        json_array_append_new(parts, json_pack("{s:{s:s, s:O}}", "functionCall", "name",
                                               pma_dialect_text(call, "name"), "args",
                                               json_object_get(call, "arguments")));
    }
    return parts;
}

/* Adds the result of a tool to the last content when that holds results already. */
static void add_result(json_t *all, const json_t *message)
{
    json_t *last = json_array_get(all, json_array_size(all) - 1);
    json_t *parts = json_object_get(last, "parts");
    if (json_object_get(json_array_get(parts, 0), "functionResponse") == NULL) {
        parts = json_array();
        json_array_append_new(all,
                              json_pack("{s:s, s:o}", "role", "user", "parts", parts));
    }
    json_t *result = json_loads(pma_dialect_text(message, "content"), 0, NULL);
    if (!json_is_object(result)) {
        json_decref(result);
        result = json_pack("{s:s}", "result", pma_dialect_text(message, "content"));
    }
    json_array_append_new(parts, json_pack("{s:{s:s, s:o}}", "functionResponse", "name",
                                           pma_dialect_text(message, "name"), "response",
                                           result));
}

static json_t *write_contents(const json_t *messages)
{
    json_t *all = json_array();
    size_t at = 0;
    json_t *message = NULL;
    json_array_foreach(messages, at, message)
    {
        const char *role = pma_dialect_text(message, "role");
        if (strcmp(role, "system") == 0) {
            continue;
        }
        if (strcmp(role, "tool") == 0) {
            add_result(all, message);
        } else {
            json_array_append_new(
                all, json_pack("{s:s, s:o}", "role",
                               strcmp(role, "assistant") == 0 ? "model" : "user", "parts",
                               write_parts(message)));
        }
    }
    return all;
}

static json_t *chat_body(const struct pma_ai_request *request, const char *model)
{
    (void)model;
    json_t *generation =
        json_pack("{s:I, s:O*}", "maxOutputTokens", (json_int_t)request->max_tokens,
                  "stopSequences", (json_t *)request->stop);
    if (request->temperature >= 0) {
        json_object_set_new(generation, "temperature", json_real(request->temperature));
    }
    if (request->top_p >= 0) {
        json_object_set_new(generation, "topP", json_real(request->top_p));
    }
    json_t *body = json_pack("{s:o, s:o}", "contents", write_contents(request->messages),
                             "generationConfig", generation);
    json_t *system = pma_dialect_system(request->messages);
    if (system != NULL) {
        json_object_set_new(
            body, "systemInstruction",
            json_pack("{s:o}", "parts", text_part(json_string_value(system))));
        json_decref(system);
    }
    if (json_array_size(request->tools) > 0) {
        json_object_set_new(
            body, "tools",
            json_pack("[{s:O}]", "functionDeclarations", (json_t *)request->tools));
    }
    return body;
}

static const char *finish_of(const char *reason)
{
    if (strcmp(reason, "STOP") == 0) {
        return "stop";
    }
    return strcmp(reason, "MAX_TOKENS") == 0 ? "length" : reason;
}

/* Returns: 0; -EPROTO: *text and *calls are to be released all the same. */
static int read_parts(const json_t *parts, json_t **text, json_t *calls)
{
    size_t at = 0;
    const json_t *part = NULL;
    json_array_foreach(parts, at, part)
    {
        const json_t *function = json_object_get(part, "functionCall");
        json_t *longer = json_sprintf("%s%s", json_string_value(*text),
                                      pma_dialect_text(part, "text"));
        if (longer == NULL) {
            return -EPROTO;
        }
        json_decref(*text);
        *text = longer;
        if (function != NULL) {
            char id[32];
            snprintf(id, sizeof id, "call_%zu", json_array_size(calls));
            json_t *call = pma_dialect_tool_call(id, pma_dialect_text(function, "name"),
                                                 json_object_get(function, "args"));
            if (call == NULL) {
                return -EPROTO;
            }
            json_array_append_new(calls, call);
        }
    }
    return 0;
}

static int read_chat(const json_t *body, struct pma_ai_answer *answer)
{
    const json_t *candidate = json_array_get(json_object_get(body, "candidates"), 0);
    const json_t *content = json_object_get(candidate, "content");
    const json_t *usage = json_object_get(body, "usageMetadata");
    if (!json_is_object(content)) {
        return -EPROTO;
    }
    json_t *text = json_string("");
    json_t *calls = json_array();
    int err = read_parts(json_object_get(content, "parts"), &text, calls);
    if (err != 0) {
        json_decref(calls);
    } else {
        err = pma_dialect_answer(answer, json_string_value(text), calls,
                                 finish_of(pma_dialect_text(candidate, "finishReason")),
                                 pma_dialect_text(body, "modelVersion"));
    }
    json_decref(text);
    if (err == 0) {
        answer->prompt_tokens = pma_dialect_count(usage, "promptTokenCount");
        answer->completion_tokens = pma_dialect_count(usage, "candidatesTokenCount");
    }
    return err;
}

const struct pma_dialect pma_dialect_gemini = {
    .name = "gemini",
    .default_url = "https://generativelanguage.googleapis.com",
    .needs_key = true,
    .chat_path = chat_path,
    .chat_body = chat_body,
    .read_chat = read_chat,
    .models_path = "/v1beta/models",
    .models_key = "models",
    .model_id = "name",
    .key_header = "x-goog-api-key: %s",
};
