/* The tool loop.
 *
 * A model that calls tools for ever costs money for ever, so there are limits on rounds
 * and on calls per round, and the last question offers no tools: the answer to it is a
 * text. A tool that fails is no failure of the chat: the model is told and may do
 * something else.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/chat_loop.h"

#include "server/ai/ai_dialect.h"
#include "server/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESULT_BYTES_MAX ((size_t)64 * 1024)

/* One run. */
struct loop {
    const struct pma_chat *chat;
    const struct pma_ai_scope *scope;
    struct pma_chat_outcome *outcome;
    json_t *messages; /* owned; those of the request, and those of the rounds */
    json_t *tools;    /* owned; NULL: none */
};

static json_t *failure(const char *text)
{
    return json_pack("{s:b, s:s}", "success", 0, "error", text);
}

/* Runs one tool. Returns: what the model gets to see, owned by the caller. */
static json_t *run_tool(const struct loop *loop, const char *name,
                        const json_t *arguments, uint64_t *took_ns)
{
    const struct pma_tool_host *host = loop->chat->tools;
    const uint64_t begin_ns = pma_now_ns();
    json_t *result = NULL;
    int err = -ECANCELED;
    if (!pma_ai_scope_is_over(loop->scope, begin_ns)) {
        err =
            host->call(host->arg, name, arguments, loop->chat->conversation_id, &result);
    }
    *took_ns = pma_now_ns() - begin_ns;
    if (err == 0 && result != NULL) {
        return result;
    }
    if (err == -ENOENT) {
        return failure("There is no such tool");
    }
    char text[120];
    snprintf(text, sizeof text, "The tool could not be run: %s", strerrordesc_np(-err));
    return failure(text);
}

/* The result as the content of a message. Returns: owned text. */
static json_t *as_content(const json_t *result)
{
    char *text = json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY);
    json_t *content = NULL;
    if (text != NULL && strlen(text) > RESULT_BYTES_MAX) {
        content = json_sprintf("{\"success\":false,\"error\":\"The result has %zu bytes; "
                               "%zu are allowed\"}",
                               strlen(text), RESULT_BYTES_MAX);
    } else {
        content = json_string(text);
    }
    free(text);
    return content;
}

static void note_execution(struct loop *loop, const char *name, const json_t *arguments,
                           const json_t *result, uint64_t took_ns)
{
    const json_t *success = json_object_get(result, "success");
    const json_t *inner = json_object_get(result, "result");
    const json_t *wrong = json_object_get(result, "error");
    const bool well = wrong == NULL && !json_is_false(success);
    json_array_append_new(
        loop->outcome->executions,
        json_pack("{s:s, s:O, s:b, s:O*, s:O*, s:f}", "tool_name", name, "parameters",
                  arguments, "success", (int)well, "result",
                  well ? (inner != NULL ? inner : result) : NULL, "error", wrong,
                  "execution_time_ms", (double)took_ns / (double)PMA_MS_NS));
}

/* Carries out the calls of an answer and adds their results to the messages. */
static void run_calls(struct loop *loop, const json_t *calls)
{
    size_t at = 0;
    const json_t *call = NULL;
    json_array_foreach(calls, at, call)
    {
        const char *name = pma_dialect_text(call, "name");
        const json_t *arguments = json_object_get(call, "arguments");
        uint64_t took_ns = 0;
        json_t *result = at < PMA_CHAT_CALLS_MAX
                             ? run_tool(loop, name, arguments, &took_ns)
                             : failure("Too many tool calls in one answer");
        note_execution(loop, name, arguments, result, took_ns);
        json_array_append_new(loop->messages,
                              json_pack("{s:s, s:s, s:s, s:o}", "role", "tool",
                                        "tool_call_id", pma_dialect_text(call, "id"),
                                        "name", name, "content", as_content(result)));
        json_decref(result);
    }
}

/* Asks until an answer has no tool calls. */
static int run_rounds(const struct pma_chat_model *model, struct loop *loop,
                      struct pma_ai_error *error)
{
    char provider[PMA_AI_NAME_BYTES];
    uint64_t prompt_tokens = 0;
    uint64_t completion_tokens = 0;
    struct pma_ai_answer *answer = &loop->outcome->answer;
    struct pma_ai_request request = loop->chat->request;
    const char *preferred = loop->chat->preferred;
    request.messages = loop->messages;
    for (;;) {
        const bool last = loop->outcome->rounds >= loop->chat->max_rounds;
        request.tools = last ? NULL : loop->tools;
        const int err =
            model->chat(model->arg, preferred, &request, loop->scope, answer, error);
        if (err != 0) {
            return err;
        }
        prompt_tokens += answer->prompt_tokens;
        completion_tokens += answer->completion_tokens;
        const json_t *calls = json_object_get(answer->message, "tool_calls");
        if (request.tools == NULL || json_array_size(calls) == 0) {
            break;
        }
        loop->outcome->rounds++;
        json_array_append(loop->messages, answer->message);
        run_calls(loop, calls);
        snprintf(provider, sizeof provider, "%s", answer->provider);
        preferred = provider;
        pma_ai_answer_fini(answer);
    }
    answer->prompt_tokens = prompt_tokens;
    answer->completion_tokens = completion_tokens;
    return 0;
}

int pma_chat_run(const struct pma_chat_model *model, const struct pma_chat *chat,
                 const struct pma_ai_scope *scope, struct pma_chat_outcome *outcome,
                 struct pma_ai_error *error)
{
    memset(outcome, 0, sizeof *outcome);
    outcome->executions = json_array();
    struct loop loop = {.chat = chat,
                        .scope = scope,
                        .outcome = outcome,
                        .messages = json_copy((json_t *)chat->request.messages)};
    int err = 0;
    if (outcome->executions == NULL || loop.messages == NULL) {
        err = pma_ai_fail(error, PMA_AI_ERROR_INTERNAL, "Out of memory");
        goto done;
    }
    if (chat->tools != NULL && chat->max_rounds > 0 &&
        chat->tools->list(chat->tools->arg, &loop.tools) == 0 &&
        json_array_size(loop.tools) == 0) {
        json_decref(loop.tools);
        loop.tools = NULL;
    }
    err = run_rounds(model, &loop, error);
done:
    json_decref(loop.tools);
    json_decref(loop.messages);
    if (err != 0) {
        pma_chat_outcome_fini(outcome);
    }
    return err;
}

void pma_chat_outcome_fini(struct pma_chat_outcome *outcome)
{
    pma_ai_answer_fini(&outcome->answer);
    json_decref(outcome->executions);
    memset(outcome, 0, sizeof *outcome);
}
