/* Ollama's /api/chat, not streamed.
 *
 * Tool calls have no ids there; ours need them, so they are numbered by position.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/dialect_ollama.h"

#include <errno.h>
#include <stdio.h>

static void chat_path(const char *model, char path[PMA_DIALECT_PATH_BYTES])
{
    (void)model;
    snprintf(path, PMA_DIALECT_PATH_BYTES, "/api/chat");
}

static json_t *write_calls(const json_t *calls)
{
    json_t *all = json_array();
    size_t at = 0;
    json_t *call = NULL;
    json_array_foreach(calls, at, call)
    {
        json_array_append_new(all, json_pack("{s:{s:s, s:O}}", "function", "name",
                                             pma_dialect_text(call, "name"), "arguments",
                                             json_object_get(call, "arguments")));
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
        const char *name = pma_dialect_text(message, "name");
        json_t *one = json_pack("{s:s, s:s}", "role", pma_dialect_text(message, "role"),
                                "content", pma_dialect_text(message, "content"));
        if (json_array_size(calls) > 0) {
            json_object_set_new(one, "tool_calls", write_calls(calls));
        }
        if (name[0] != '\0') {
            json_object_set_new(one, "tool_name", json_string(name));
        }
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *chat_body(const struct pma_ai_request *request, const char *model)
{
    json_t *options =
        json_pack("{s:I, s:O*}", "num_predict", (json_int_t)request->max_tokens, "stop",
                  (json_t *)request->stop);
    if (request->temperature >= 0) {
        json_object_set_new(options, "temperature", json_real(request->temperature));
    }
    if (request->top_p >= 0) {
        json_object_set_new(options, "top_p", json_real(request->top_p));
    }
    return json_pack("{s:s, s:o, s:b, s:o, s:o*}", "model", model, "messages",
                     write_messages(request->messages), "stream", 0, "options", options,
                     "tools", pma_dialect_function_tools(request->tools));
}

static json_t *read_calls(const json_t *calls)
{
    json_t *all = json_array();
    size_t at = 0;
    const json_t *call = NULL;
    json_array_foreach(calls, at, call)
    {
        char id[32];
        const json_t *function = json_object_get(call, "function");
        snprintf(id, sizeof id, "call_%zu", at);
        json_t *one = pma_dialect_tool_call(id, pma_dialect_text(function, "name"),
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
    const json_t *message = json_object_get(body, "message");
    if (!json_is_object(message)) {
        return -EPROTO;
    }
    json_t *calls = read_calls(json_object_get(message, "tool_calls"));
    if (calls == NULL) {
        return -EPROTO;
    }
    const int err = pma_dialect_answer(answer, pma_dialect_text(message, "content"),
                                       calls, pma_dialect_text(body, "done_reason"),
                                       pma_dialect_text(body, "model"));
    if (err == 0) {
        answer->prompt_tokens = pma_dialect_count(body, "prompt_eval_count");
        answer->completion_tokens = pma_dialect_count(body, "eval_count");
    }
    return err;
}

const struct pma_dialect pma_dialect_ollama = {
    .name = "ollama",
    .default_url = "http://localhost:11434",
    .needs_key = false,
    .chat_path = chat_path,
    .chat_body = chat_body,
    .read_chat = read_chat,
    .models_path = "/api/tags",
    .models_key = "models",
    .model_id = "name",
};
