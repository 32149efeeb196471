/* The messages API.
 *
 * It differs in three ways: the system's text is not a message, results of tools are
 * blocks of a user's message (all of one round in one message), and max_tokens is
 * required. (The first implementation sent the key as a bearer token, which the API
 * refuses: it has a header of its own.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/dialect_claude.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void chat_path(const char *model, char path[PMA_DIALECT_PATH_BYTES])
{
    (void)model;
    snprintf(path, PMA_DIALECT_PATH_BYTES, "/v1/messages");
}

static json_t *write_blocks(const json_t *message)
{
    json_t *blocks = json_array();
    const char *text = pma_dialect_text(message, "content");
    size_t at = 0;
    json_t *call = NULL;
    if (text[0] != '\0') {
        json_array_append_new(blocks,
                              json_pack("{s:s, s:s}", "type", "text", "text", text));
    }
    json_array_foreach(json_object_get(message, "tool_calls"), at, call)
    {
        json_array_append_new(blocks,
                              json_pack("{s:s, s:s, s:s, s:O}", "type", "tool_use", "id",
                                        pma_dialect_text(call, "id"), "name",
                                        pma_dialect_text(call, "name"), "input",
                                        json_object_get(call, "arguments")));
    }
    return blocks;
}

/* Adds the result of a tool to the last message when that holds results already. */
static void add_result(json_t *all, const json_t *message)
{
    json_t *last = json_array_get(all, json_array_size(all) - 1);
    json_t *blocks = json_object_get(last, "content");
    if (strcmp(pma_dialect_text(last, "role"), "user") != 0 || !json_is_array(blocks)) {
        blocks = json_array();
        json_array_append_new(all,
                              json_pack("{s:s, s:o}", "role", "user", "content", blocks));
    }
    json_array_append_new(
        blocks, json_pack("{s:s, s:s, s:s}", "type", "tool_result", "tool_use_id",
                          pma_dialect_text(message, "tool_call_id"), "content",
                          pma_dialect_text(message, "content")));
}

static json_t *write_messages(const json_t *messages)
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
        } else if (json_array_size(json_object_get(message, "tool_calls")) > 0) {
            json_array_append_new(all, json_pack("{s:s, s:o}", "role", "assistant",
                                                 "content", write_blocks(message)));
        } else {
            json_array_append_new(all, json_pack("{s:s, s:s}", "role", role, "content",
                                                 pma_dialect_text(message, "content")));
        }
    }
    return all;
}

static json_t *write_tools(const json_t *tools)
{
    if (json_array_size(tools) == 0) {
        return NULL;
    }
    json_t *all = json_array();
    size_t at = 0;
    json_t *tool = NULL;
    json_array_foreach(tools, at, tool)
    {
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:O}", "name", pma_dialect_text(tool, "name"),
                           "description", pma_dialect_text(tool, "description"),
                           "input_schema", json_object_get(tool, "parameters")));
    }
    return all;
}

static json_t *chat_body(const struct pma_ai_request *request, const char *model)
{
    json_t *body = json_pack(
        "{s:s, s:o, s:I, s:o*, s:O*, s:o*}", "model", model, "messages",
        write_messages(request->messages), "max_tokens", (json_int_t)request->max_tokens,
        "tools", write_tools(request->tools), "stop_sequences", (json_t *)request->stop,
        "system", pma_dialect_system(request->messages));
    if (request->temperature >= 0) {
        json_object_set_new(body, "temperature", json_real(request->temperature));
    }
    if (request->top_p >= 0) {
        json_object_set_new(body, "top_p", json_real(request->top_p));
    }
    return body;
}

static const char *finish_of(const char *stop_reason)
{
    if (strcmp(stop_reason, "end_turn") == 0 ||
        strcmp(stop_reason, "stop_sequence") == 0) {
        return "stop";
    }
    return strcmp(stop_reason, "max_tokens") == 0 ? "length" : stop_reason;
}

/* Reads the blocks. Returns: 0; -EPROTO: *text and *calls are to be released all the
 * same. */
static int read_blocks(const json_t *blocks, json_t **text, json_t *calls)
{
    size_t at = 0;
    const json_t *block = NULL;
    json_array_foreach(blocks, at, block)
    {
        const char *type = pma_dialect_text(block, "type");
        if (strcmp(type, "text") == 0) {
            json_t *longer = json_sprintf("%s%s", json_string_value(*text),
                                          pma_dialect_text(block, "text"));
            if (longer == NULL) {
                return -EPROTO;
            }
            json_decref(*text);
            *text = longer;
        } else if (strcmp(type, "tool_use") == 0) {
            json_t *call = pma_dialect_tool_call(pma_dialect_text(block, "id"),
                                                 pma_dialect_text(block, "name"),
                                                 json_object_get(block, "input"));
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
    const json_t *blocks = json_object_get(body, "content");
    const json_t *usage = json_object_get(body, "usage");
    if (!json_is_array(blocks)) {
        return -EPROTO;
    }
    json_t *text = json_string("");
    json_t *calls = json_array();
    int err = read_blocks(blocks, &text, calls);
    if (err != 0) {
        json_decref(calls);
    } else {
        err = pma_dialect_answer(answer, json_string_value(text), calls,
                                 finish_of(pma_dialect_text(body, "stop_reason")),
                                 pma_dialect_text(body, "model"));
    }
    json_decref(text);
    if (err == 0) {
        answer->prompt_tokens = pma_dialect_count(usage, "input_tokens");
        answer->completion_tokens = pma_dialect_count(usage, "output_tokens");
    }
    return err;
}

const struct pma_dialect pma_dialect_claude = {
    .name = "claude",
    .default_url = "https://api.anthropic.com",
    .needs_key = true,
    .chat_path = chat_path,
    .chat_body = chat_body,
    .read_chat = read_chat,
    .models_path = "/v1/models",
    .models_key = "data",
    .model_id = "id",
    .key_header = "x-api-key: %s",
    .extra_header = "anthropic-version: 2023-06-01",
};
