/* Chat completions.
 *
 * Tool calls are nested one level deeper than ours, and their arguments are JSON within a
 * text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/dialect_openai.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void chat_path(const char *model, char path[PMA_DIALECT_PATH_BYTES])
{
    (void)model;
    snprintf(path, PMA_DIALECT_PATH_BYTES, "/v1/chat/completions");
}

static json_t *write_calls(const json_t *calls)
{
    json_t *all = json_array();
    size_t at = 0;
    json_t *call = NULL;
    json_array_foreach(calls, at, call)
    {
        char *arguments = json_dumps(json_object_get(call, "arguments"), JSON_COMPACT);
        json_array_append_new(all, json_pack("{s:s, s:s, s:{s:s, s:s}}", "id",
                                             pma_dialect_text(call, "id"), "type",
                                             "function", "function", "name",
                                             pma_dialect_text(call, "name"), "arguments",
                                             arguments != NULL ? arguments : "{}"));
        free(arguments);
    }
    return all;
}

static json_t *write_messages(const json_t *messages)
{
    json_t *all = json_array();
    size_t at = 0;
    json_t *message = NULL;
    json_array_foreach(messages, at, message)
    {
        const json_t *calls = json_object_get(message, "tool_calls");
        const char *call_id = pma_dialect_text(message, "tool_call_id");
        json_t *one = json_pack("{s:s, s:s}", "role", pma_dialect_text(message, "role"),
                                "content", pma_dialect_text(message, "content"));
        if (json_array_size(calls) > 0) {
            json_object_set_new(one, "tool_calls", write_calls(calls));
        }
        if (call_id[0] != '\0') {
            json_object_set_new(one, "tool_call_id", json_string(call_id));
        }
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *chat_body(const struct pma_ai_request *request, const char *model)
{
    json_t *body = json_pack("{s:s, s:o, s:b, s:I, s:o*, s:O*}", "model", model,
                             "messages", write_messages(request->messages), "stream", 0,
                             "max_tokens", (json_int_t)request->max_tokens, "tools",
                             pma_dialect_function_tools(request->tools), "stop",
                             (json_t *)request->stop);
    if (request->temperature >= 0) {
        json_object_set_new(body, "temperature", json_real(request->temperature));
    }
    if (request->top_p >= 0) {
        json_object_set_new(body, "top_p", json_real(request->top_p));
    }
    return body;
}

/* Returns: our calls; NULL when one is not of the form. */
static json_t *read_calls(const json_t *calls)
{
    json_t *all = json_array();
    size_t at = 0;
    const json_t *call = NULL;
    json_array_foreach(calls, at, call)
    {
        const json_t *function = json_object_get(call, "function");
        json_t *one = pma_dialect_tool_call(pma_dialect_text(call, "id"),
                                            pma_dialect_text(function, "name"),
                                            json_object_get(function, "arguments"));
        if (one == NULL) {
            json_decref(all);
            return NULL;
        }
        json_array_append_new(all, one);
    }
    return all;
}

static int read_chat(const json_t *body, struct pma_ai_answer *answer)
{
    const json_t *choice = json_array_get(json_object_get(body, "choices"), 0);
    const json_t *message = json_object_get(choice, "message");
    const json_t *usage = json_object_get(body, "usage");
    if (!json_is_object(message)) {
        return -EPROTO;
    }
    json_t *calls = read_calls(json_object_get(message, "tool_calls"));
    if (calls == NULL) {
        return -EPROTO;
    }
    const int err = pma_dialect_answer(answer, pma_dialect_text(message, "content"),
                                       calls, pma_dialect_text(choice, "finish_reason"),
                                       pma_dialect_text(body, "model"));
    if (err == 0) {
        answer->prompt_tokens = pma_dialect_count(usage, "prompt_tokens");
        answer->completion_tokens = pma_dialect_count(usage, "completion_tokens");
    }
    return err;
}

const struct pma_dialect pma_dialect_openai = {
    .name = "openai",
    .default_url = "https://api.openai.com",
    .needs_key = true,
    .chat_path = chat_path,
    .chat_body = chat_body,
    .read_chat = read_chat,
    .models_path = "/v1/models",
    .models_key = "data",
    .model_id = "id",
    .key_header = "Authorization: Bearer %s",
};
