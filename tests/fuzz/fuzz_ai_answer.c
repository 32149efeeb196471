/* One text, taken for everything that it could be.
 *
 * The promises: an answer is of our form or refused and leaves nothing behind; whatever
 * was read can be sent to each provider as history; a script that was taken answers or
 * says why not; a client's body gives messages of our form or a reason.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fuzz_ai_answer.h"

#include "server/ai/ai_dialect.h"
#include "server/ai/scripted.h"
#include "server/base/clock.h"
#include "server/rest/ai_body.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t pma_fuzz_read, pma_fuzz_with_calls, pma_fuzz_refused, pma_fuzz_scripts,
    pma_fuzz_bodies, pma_fuzz_inputs;

static void must(bool holds, const char *promise)
{
    if (!holds) {
        fprintf(stderr, "fuzz_ai_answer: broken promise: %s\n", promise);
        abort();
    }
}

static void check_message(const json_t *message)
{
    size_t at = 0;
    const json_t *call = NULL;
    const json_t *calls = json_object_get(message, "tool_calls");
    must(strcmp(pma_dialect_text(message, "role"), "assistant") == 0, "an answer's role");
    must(json_is_string(json_object_get(message, "content")), "content is a text");
    must(calls == NULL || json_array_size(calls) > 0, "no empty list of calls");
    json_array_foreach(calls, at, call)
    {
        must(json_is_string(json_object_get(call, "id")), "a call has an id");
        must(pma_dialect_text(call, "name")[0] != '\0', "a call has a name");
        must(json_is_object(json_object_get(call, "arguments")), "arguments");
    }
    pma_fuzz_with_calls += calls != NULL;
}

/* As history of a further question, to every provider. message: borrowed. */
static void send_on(json_t *message)
{
    size_t count = 0;
    const struct pma_dialect *const *dialects = pma_dialects(&count);
    json_t *messages = json_pack("[{s:s, s:s}, O, {s:s, s:s, s:s, s:s}]", "role", "user",
                                 "content", "q", message, "role", "tool", "tool_call_id",
                                 "c", "name", "n", "content", "{}");
    const struct pma_ai_request request = {
        .messages = messages, .max_tokens = 5, .temperature = -1, .top_p = -1};
    for (size_t i = 0; i < count; i++) {
        json_t *body = dialects[i]->chat_body(&request, "m");
        char *text = json_dumps(body, JSON_COMPACT);
        must(text != NULL, "what was read can be sent on");
        free(text);
        json_decref(body);
    }
    json_decref(messages);
}

static void as_answers(const json_t *body)
{
    size_t count = 0;
    const struct pma_dialect *const *dialects = pma_dialects(&count);
    for (size_t i = 0; i < count; i++) {
        struct pma_ai_answer answer = {.prompt_tokens = 77};
        const int err = dialects[i]->read_chat(body, &answer);
        must(err == 0 || err == -EPROTO, "an answer is read or refused");
        if (err == 0) {
            pma_fuzz_read++;
            check_message(answer.message);
            send_on(answer.message);
            pma_ai_answer_fini(&answer);
        } else {
            pma_fuzz_refused++;
            must(answer.message == NULL && answer.prompt_tokens == 77, "untouched");
        }
        json_t *models = pma_dialect_read_models(dialects[i], body, 4);
        must(models == NULL || json_array_size(models) <= 4, "models are bounded");
        json_decref(models);
    }
}

static void as_script(const char *text, size_t text_bytes)
{
    char why[80];
    struct pma_script *script = NULL;
    if (pma_script_parse(text, text_bytes, &script, why, sizeof why) != 0) {
        return;
    }
    struct pma_ai_answer answer;
    struct pma_ai_error error;
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "lamp");
    json_t *tools = json_pack("[{s:s}]", "name", "get");
    const struct pma_ai_request request = {.messages = messages, .tools = tools};
    const struct pma_ai_scope scope = {.deadline_ns = pma_now_ns() + PMA_MS_NS};
    pma_fuzz_scripts++;
    if (pma_script_chat(script, &request, &scope, &answer, &error) == 0) {
        check_message(answer.message);
        pma_ai_answer_fini(&answer);
    } else {
        must(error.kind != PMA_AI_ERROR_NONE && error.text[0] != '\0', "a reason");
    }
    json_decref(tools);
    json_decref(messages);
    pma_script_close(script);
}

static void as_body(const json_t *body)
{
    size_t at = 0;
    const json_t *message = NULL;
    json_t *messages = NULL;
    struct pma_chat chat = {.preferred = NULL};
    if (pma_ai_body_read(body, &chat, &messages) == NULL) {
        pma_fuzz_bodies++;
        must(json_array_size(messages) > 0, "there is a message");
        must(chat.request.temperature <= 2 && chat.request.top_p <= 1, "ranges");
        json_array_foreach(messages, at, message)
        {
            must(json_is_string(json_object_get(message, "role")), "a role");
            must(json_is_string(json_object_get(message, "content")), "a content");
        }
    }
    json_decref(messages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    pma_fuzz_inputs++;
    as_script(text, size);
    json_t *body = json_loadb(text, size, 0, NULL);
    if (body != NULL) {
        as_answers(body);
        if (json_is_object(body)) {
            as_body(body);
        }
        json_decref(body);
    }
    return 0;
}
