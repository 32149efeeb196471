/* Scripts of the offline provider.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_dialect.h"
#include "server/ai/scripted.h"
#include "server/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct pma_ai_scope *no_hurry(void)
{
    static struct pma_ai_scope scope;
    scope = (struct pma_ai_scope){.deadline_ns = pma_now_ns() + 10 * PMA_S_NS};
    return &scope;
}

static struct pma_script *parse(const char *text)
{
    char why[120];
    struct pma_script *script = NULL;
    if (pma_script_parse(text, strlen(text), &script, why, sizeof why) != 0) {
        fail_msg("%s", why);
    }
    return script;
}

static void assert_says(const struct pma_script *script, const char *message,
                        const char *expected)
{
    struct pma_ai_answer answer;
    struct pma_ai_error error;
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", message);
    const struct pma_ai_request request = {.messages = messages};
    assert_int_equal(pma_script_chat(script, &request, no_hurry(), &answer, &error), 0);
    assert_string_equal(pma_dialect_text(answer.message, "content"), expected);
    pma_ai_answer_fini(&answer);
    json_decref(messages);
}

static void the_first_rule_that_fits_answers(void **state)
{
    struct pma_script *script = parse(
        "[{\"when\":\"LAMP\",\"say\":\"on\"},{\"when\":\"lamp two\",\"say\":\"never\"},"
        "{\"say\":\"[{message}|{message}|{result}|{other}]\"}]");
    (void)state;
    assert_says(script, "the lamp two", "on");
    assert_says(script, "Which", "[Which|Which||{other}]");
    pma_script_close(script);
}

static void the_built_in_script_needs_no_file(void **state)
{
    char why[120];
    struct pma_script *script = NULL;
    (void)state;
    assert_int_equal(pma_script_open("", &script, why, sizeof why), 0);
    assert_says(
        script, "Hi",
        "This is the offline assistant; no language model is configured. You said: "
        "Hi");
    pma_script_close(script);
    assert_int_equal(pma_script_open("/nonexistent/x", &script, why, sizeof why),
                     -ENOENT);
    assert_int_equal(pma_script_open("/", &script, why, sizeof why), -EISDIR);
}

static void a_tool_is_called_as_often_as_the_rule_says(void **state)
{
    struct pma_ai_answer answer;
    struct pma_ai_error error;
    struct pma_script *script = parse(
        "[{\"tool\":\"t\",\"arguments\":{\"a\":1},\"rounds\":2,\"say\":\"{result}\"}]");
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "x");
    json_t *tools = json_pack("[{s:s}]", "name", "t");
    const struct pma_ai_request request = {.messages = messages, .tools = tools};
    (void)state;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(pma_script_chat(script, &request, no_hurry(), &answer, &error),
                         0);
        const json_t *calls = json_object_get(answer.message, "tool_calls");
        assert_int_equal(json_array_size(calls), 1);
        json_array_append(messages, answer.message);
        json_array_append_new(messages, json_pack("{s:s, s:s}", "role", "tool", "content",
                                                  round == 0 ? "old" : "new"));
        pma_ai_answer_fini(&answer);
    }
    assert_int_equal(pma_script_chat(script, &request, no_hurry(), &answer, &error), 0);
    assert_null(json_object_get(answer.message, "tool_calls"));
    assert_string_equal(pma_dialect_text(answer.message, "content"), "new");
    pma_ai_answer_fini(&answer);
    json_decref(tools);
    json_decref(messages);
    pma_script_close(script);
}

static void a_tool_that_is_not_offered_is_not_called(void **state)
{
    struct pma_script *script = parse("[{\"tool\":\"t\",\"say\":\"without\"}]");
    (void)state;
    assert_says(script, "x", "without");
    pma_script_close(script);
}

static bool given_up(void *arg)
{
    (void)arg;
    return true;
}

static void failures_and_delays_are_as_the_rule_says(void **state)
{
    struct pma_ai_answer answer;
    struct pma_ai_error error;
    struct pma_script *script =
        parse("[{\"when\":\"a\",\"fail\":\"rate_limit\"},"
              "{\"when\":\"b\",\"delay_ms\":60000,\"say\":\"x\"}]");
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", "a");
    const struct pma_ai_request request = {.messages = messages};
    const struct pma_ai_scope left = {.deadline_ns = UINT64_MAX, .is_given_up = given_up};
    const struct pma_ai_scope late = {.deadline_ns = pma_now_ns() + 30 * PMA_MS_NS};
    (void)state;
    assert_int_equal(pma_script_chat(script, &request, no_hurry(), &answer, &error),
                     -EAGAIN);
    assert_int_equal(error.kind, PMA_AI_ERROR_RATE_LIMIT);
    json_object_set_new(json_array_get(messages, 0), "content", json_string("b"));
    assert_int_equal(pma_script_chat(script, &request, &left, &answer, &error),
                     -ECANCELED);
    assert_int_equal(pma_script_chat(script, &request, &late, &answer, &error), -EIO);
    json_object_set_new(json_array_get(messages, 0), "content", json_string("c"));
    assert_int_equal(pma_script_chat(script, &request, no_hurry(), &answer, &error),
                     -ENOENT);
    json_decref(messages);
    pma_script_close(script);
}

static void what_is_no_script_is_refused_with_the_place(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[7]",
        "[{}]",
        "[{\"say\":7}]",
        "[{\"say\":\"x\"},{\"say\":\"x\",\"delay_ms\":-1}]",
        "[{\"say\":\"x\"},{\"say\":\"x\",\"delay_ms\":1e3}]",
        "[{\"say\":\"x\"},{\"say\":\"x\",\"rounds\":\"2\"}]",
        "[{\"say\":\"x\"},{\"say\":\"x\",\"arguments\":[]}]",
        "[{\"say\":\"x\"},{\"fail\":\"cancelled\"}]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char why[120] = "";
        struct pma_script *script = NULL;
        assert_int_equal(
            pma_script_parse(texts[i], strlen(texts[i]), &script, why, sizeof why),
            -EINVAL);
        assert_null(script);
        assert_true(i < 5 || strncmp(why, "rule 2: ", 8) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_fits_answers),
        cmocka_unit_test(the_built_in_script_needs_no_file),
        cmocka_unit_test(a_tool_is_called_as_often_as_the_rule_says),
        cmocka_unit_test(a_tool_that_is_not_offered_is_not_called),
        cmocka_unit_test(failures_and_delays_are_as_the_rule_says),
        cmocka_unit_test(what_is_no_script_is_refused_with_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
