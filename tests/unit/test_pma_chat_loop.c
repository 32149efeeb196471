/* The tool loop, with a model and tools of the test's own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_dialect.h"
#include "server/ai/chat_loop.h"
#include "server/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The model: asks for `calls_wanted` tools in each of its first `rounds_wanted` answers.
 */
static struct {
    size_t rounds_wanted, calls_wanted;
    size_t asked;
    size_t with_tools;     /* questions that offered tools */
    size_t messages;       /* of the last question */
    char preferred[64];    /* of the last question */
    char last_content[80]; /* of the last message of the last question */
    int err;
} model;

/* The tools. */
static struct {
    int err;
    size_t called;
    char name[64];
    char conversation[64];
    size_t result_bytes;
    bool no_list;
} host;

static json_t *make_calls(size_t count)
{
    json_t *calls = json_array();
    for (size_t i = 0; i < count; i++) {
        char id[32];
        snprintf(id, sizeof id, "id-%zu", i);
        json_array_append_new(calls, json_pack("{s:s, s:s, s:{s:i}}", "id", id, "name",
                                               "lamp", "arguments", "n", (int)i));
    }
    return calls;
}

static int answer(void *arg, const char *preferred, const struct pma_ai_request *request,
                  const struct pma_ai_scope *scope, struct pma_ai_answer *out,
                  struct pma_ai_error *error)
{
    (void)arg;
    (void)scope;
    const size_t count = json_array_size(request->messages);
    model.asked++;
    model.with_tools += request->tools != NULL;
    model.messages = count;
    snprintf(model.preferred, sizeof model.preferred, "%s",
             preferred != NULL ? preferred : "");
    snprintf(model.last_content, sizeof model.last_content, "%s",
             pma_dialect_text(json_array_get(request->messages, count - 1), "content"));
    if (model.err != 0) {
        return pma_ai_fail(error, PMA_AI_ERROR_NETWORK, "told to fail");
    }
    const bool wants = model.asked <= model.rounds_wanted;
    const int err =
        pma_dialect_answer(out, wants ? "" : "done",
                           wants ? make_calls(model.calls_wanted) : NULL, "stop", "m");
    out->prompt_tokens = 10;
    out->completion_tokens = 1;
    snprintf(out->provider, sizeof out->provider, "chosen");
    return err;
}

static int list(void *arg, json_t **tools)
{
    (void)arg;
    if (host.no_list) {
        return -EIO;
    }
    *tools = json_pack("[{s:s, s:s, s:{}}]", "name", "lamp", "description", "A lamp",
                       "parameters");
    return 0;
}

static int call(void *arg, const char *name, const json_t *arguments,
                const char *conversation_id, json_t **result)
{
    (void)arg;
    host.called++;
    snprintf(host.name, sizeof host.name, "%s", name);
    snprintf(host.conversation, sizeof host.conversation, "%s",
             conversation_id != NULL ? conversation_id : "");
    if (host.err != 0) {
        return host.err;
    }
    char *text = calloc(1, host.result_bytes + 1);
    memset(text, 'x', host.result_bytes);
    *result = json_pack("{s:b, s:{s:O, s:s}}", "success", 1, "result", "n",
                        json_object_get(arguments, "n"), "text", text);
    free(text);
    return 0;
}

static const struct pma_chat_model test_model = {.chat = answer};
static const struct pma_tool_host test_host = {.list = list, .call = call};

static int reset(void **state)
{
    (void)state;
    memset(&model, 0, sizeof model);
    memset(&host, 0, sizeof host);
    model.calls_wanted = 1;
    return 0;
}

static int run(const struct pma_tool_host *tools, uint32_t max_rounds,
               struct pma_chat_outcome *outcome, struct pma_ai_error *error)
{
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "hi");
    const struct pma_chat chat = {.preferred = "first",
                                  .request = {.messages = messages},
                                  .conversation_id = "c1",
                                  .tools = tools,
                                  .max_rounds = max_rounds};
    const struct pma_ai_scope scope = {.deadline_ns = pma_now_ns() + 10 * PMA_S_NS};
    const int err = pma_chat_run(&test_model, &chat, &scope, outcome, error);
    assert_int_equal(json_array_size(messages), 1); /* the caller's stay as they are */
    json_decref(messages);
    return err;
}

static void without_tool_calls_one_question_is_enough(void **state)
{
    struct pma_chat_outcome outcome;
    struct pma_ai_error error;
    (void)state;
    assert_int_equal(run(&test_host, 5, &outcome, &error), 0);
    assert_int_equal(model.asked, 1);
    assert_int_equal(outcome.rounds, 0);
    assert_string_equal(pma_dialect_text(outcome.answer.message, "content"), "done");
    pma_chat_outcome_fini(&outcome);
}

static void results_go_back_to_the_provider_that_asked(void **state)
{
    struct pma_chat_outcome outcome;
    struct pma_ai_error error;
    (void)state;
    model.rounds_wanted = 2;
    model.calls_wanted = 2;
    assert_int_equal(run(&test_host, 5, &outcome, &error), 0);
    assert_int_equal(model.asked, 3);
    assert_int_equal(model.with_tools, 3);
    assert_int_equal(model.messages, 1 + 2 * (1 + 2));
    assert_string_equal(model.preferred, "chosen");
    assert_string_equal(model.last_content,
                        "{\"success\":true,\"result\":{\"n\":1,\"text\":\"\"}}");
    assert_string_equal(host.conversation, "c1");
    assert_string_equal(host.name, "lamp");
    assert_int_equal(host.called, 4);
    assert_int_equal(json_array_size(outcome.executions), 4);
    assert_int_equal(outcome.answer.prompt_tokens, 30);
    assert_int_equal(outcome.answer.completion_tokens, 3);
    pma_chat_outcome_fini(&outcome);
}

static void after_the_last_round_no_tools_are_offered(void **state)
{
    struct pma_chat_outcome outcome;
    struct pma_ai_error error;
    (void)state;
    model.rounds_wanted = 1000;
    assert_int_equal(run(&test_host, 5, &outcome, &error), 0);
    assert_int_equal(model.asked, 6);
    assert_int_equal(model.with_tools, 5);
    assert_int_equal(outcome.rounds, 5);
    assert_int_equal(host.called, 5);
    pma_chat_outcome_fini(&outcome);
}

static void more_calls_in_one_answer_than_allowed_are_not_carried_out(void **state)
{
    struct pma_chat_outcome outcome;
    struct pma_ai_error error;
    (void)state;
    model.rounds_wanted = 1;
    model.calls_wanted = PMA_CHAT_CALLS_MAX + 3;
    assert_int_equal(run(&test_host, 5, &outcome, &error), 0);
    assert_int_equal(host.called, PMA_CHAT_CALLS_MAX);
    /* Each is answered all the same: a call without a result is an error for providers.
     */
    assert_int_equal(model.messages, 2 + PMA_CHAT_CALLS_MAX + 3);
    assert_non_null(strstr(model.last_content, "Too many tool calls"));
    pma_chat_outcome_fini(&outcome);
}

static void tools_that_fail_are_told_to_the_model(void **state)
{
    static const struct {
        int err;
        const char *text;
    } rows[] = {{-ENOENT, "no such tool"}, {-EIO, "could not be run"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pma_chat_outcome outcome;
        struct pma_ai_error error;
        reset(NULL);
        model.rounds_wanted = 1;
        host.err = rows[i].err;
        assert_int_equal(run(&test_host, 5, &outcome, &error), 0);
        assert_non_null(strstr(model.last_content, rows[i].text));
        const json_t *execution = json_array_get(outcome.executions, 0);
        assert_true(json_is_false(json_object_get(execution, "success")));
        assert_non_null(json_object_get(execution, "error"));
        pma_chat_outcome_fini(&outcome);
    }
}

static void a_result_that_is_too_large_is_not_passed_on(void **state)
{
    struct pma_chat_outcome outcome;
    struct pma_ai_error error;
    (void)state;
    model.rounds_wanted = 1;
    host.result_bytes = 70000;
    assert_int_equal(run(&test_host, 5, &outcome, &error), 0);
    assert_non_null(strstr(model.last_content, "\"success\":false"));
    pma_chat_outcome_fini(&outcome);
}

static void without_tools_none_are_offered(void **state)
{
    struct pma_chat_outcome outcome;
    struct pma_ai_error error;
    (void)state;
    assert_int_equal(run(NULL, 5, &outcome, &error), 0);
    pma_chat_outcome_fini(&outcome);
    assert_int_equal(run(&test_host, 0, &outcome, &error), 0);
    pma_chat_outcome_fini(&outcome);
    host.no_list = true;
    assert_int_equal(run(&test_host, 5, &outcome, &error), 0);
    pma_chat_outcome_fini(&outcome);
    assert_int_equal(model.with_tools, 0);
}

static void a_model_that_fails_leaves_nothing_behind(void **state)
{
    struct pma_chat_outcome outcome;
    struct pma_ai_error error;
    (void)state;
    model.err = -EIO;
    assert_int_equal(run(&test_host, 5, &outcome, &error), -EIO);
    assert_int_equal(error.kind, PMA_AI_ERROR_NETWORK);
    assert_true(error.retryable);
    assert_null(outcome.answer.message);
    assert_null(outcome.executions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_tool_calls_one_question_is_enough, reset),
        cmocka_unit_test_setup(results_go_back_to_the_provider_that_asked, reset),
        cmocka_unit_test_setup(after_the_last_round_no_tools_are_offered, reset),
        cmocka_unit_test_setup(more_calls_in_one_answer_than_allowed_are_not_carried_out,
                               reset),
        cmocka_unit_test_setup(tools_that_fail_are_told_to_the_model, reset),
        cmocka_unit_test_setup(a_result_that_is_too_large_is_not_passed_on, reset),
        cmocka_unit_test_setup(without_tools_none_are_offered, reset),
        cmocka_unit_test_setup(a_model_that_fails_leaves_nothing_behind, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
