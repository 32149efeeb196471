/* Lines, messages and the protocol, with a peer made of text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_session.h"

#include "server/mcp/mcp_rpc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINE_BYTES 2000

/* A JSON text with single quotes for double ones, as a line of the peer. */
static void say(struct pma_mcp_session *session, const char *text)
{
    char line[LINE_BYTES * 2];
    snprintf(line, sizeof line, "%s\n", text);
    for (char *at = line; *at != '\0'; at++) {
        if (*at == '\'') {
            *at = '"';
        }
    }
    pma_mcp_session_input(session, line, strlen(line));
    assert_true(pma_mcp_lines_is_valid(&session->lines));
}

/* The next message that the session sends; owned; NULL: none. */
static json_t *heard(struct pma_mcp_session *session)
{
    const char *bytes = NULL;
    const size_t count = pma_mcp_session_output(session, &bytes);
    const char *end = count > 0 ? memchr(bytes, '\n', count) : NULL;
    if (end == NULL) {
        assert_int_equal(count, 0); /* only whole messages are queued */
        return NULL;
    }
    json_t *message = json_loadb(bytes, (size_t)(end - bytes), 0, NULL);
    assert_non_null(message);
    pma_mcp_session_wrote(session, (size_t)(end - bytes) + 1);
    return message;
}

static void expect_method(struct pma_mcp_session *session, const char *method)
{
    json_t *message = heard(session);
    assert_non_null(message);
    assert_string_equal(json_string_value(json_object_get(message, "method")), method);
    json_decref(message);
}

#define INITIALISED                                                                      \
    "{'jsonrpc':'2.0','id':1,'result':{'protocolVersion':'2025-06-18','capabilities':"   \
    "{'tools':{}},'serverInfo':{'name':'fake','version':'1'}}}"

/* A session that lists one tool, "echo". */
static void make_ready(struct pma_mcp_session *session)
{
    const struct pma_mcp_session_config config = {.max_line_bytes = LINE_BYTES,
                                                  .max_tools = 3};
    pma_mcp_session_init(session, &config);
    assert_int_equal(pma_mcp_session_start(session, "0"), 0);
    expect_method(session, "initialize");
    say(session, INITIALISED);
    expect_method(session, "notifications/initialized");
    expect_method(session, "tools/list");
    say(session, "{'jsonrpc':'2.0','id':2,'result':{'tools':[{'name':'echo',"
                 "'inputSchema':{'type':'object'}}]}}");
    assert_int_equal(session->state, PMA_MCP_SESSION_READY);
}

static void end(struct pma_mcp_session *session)
{
    pma_mcp_session_fini(session, -ECANCELED, "the test is over");
}

static int calls(struct pma_mcp_session *session, struct pma_mcp_wait *wait)
{
    *wait = (struct pma_mcp_wait){.done = false};
    const int err = pma_mcp_session_call(session, "echo", NULL, wait);
    if (err == 0) {
        expect_method(session, "tools/call");
    }
    return err;
}

static void lines_are_found_wherever_the_bytes_are_cut(void **state)
{
    static const char text[] = "{'jsonrpc':'2.0','id':9,'method':'ping'}\r\n\n"
                               "{'jsonrpc':'2.0','method':'x'}\n";
    char bytes[sizeof text];
    (void)state;
    memcpy(bytes, text, sizeof text);
    for (char *at = bytes; *at != '\0'; at++) {
        if (*at == '\'') {
            *at = '"';
        }
    }
    for (size_t cut = 0; cut < sizeof text; cut++) {
        struct pma_mcp_session session;
        make_ready(&session);
        const uint64_t before = session.messages;
        pma_mcp_session_input(&session, bytes, cut);
        pma_mcp_session_input(&session, bytes + cut, sizeof text - 1 - cut);
        assert_int_equal(session.messages - before, 2);
        assert_int_equal(session.malformed_lines, 0);
        end(&session);
    }
}

static void what_is_not_json_rpc_is_counted_and_passed_over(void **state)
{
    static const char *const rows[] = {
        "Listening on stdio",
        "[]",
        "3",
        "{}",
        "{'jsonrpc':'1.0','id':1,'result':{}}",
        "{'jsonrpc':'2.0','id':1}",
        "{'jsonrpc':'2.0','id':1,'result':{},'error':{}}",
        "{'jsonrpc':'2.0','id':{},'method':'x'}",
        "{'jsonrpc':'2.0','method':3}",
        "{'jsonrpc':'2.0','result':{}}",
        "{'jsonrpc':'2.0','id':3,'method':'x'",
    };
    struct pma_mcp_session session;
    (void)state;
    make_ready(&session);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        say(&session, rows[i]);
        assert_int_equal(session.malformed_lines, i + 1);
    }
    struct pma_mcp_wait wait;
    assert_int_equal(calls(&session, &wait), 0);
    say(&session, "{'jsonrpc':'2.0','id':3,'result':{'content':[]}}");
    assert_true(wait.done);
    assert_int_equal(wait.err, 0);
    json_decref(wait.outcome.result);
    end(&session);
}

static void nesting_is_bounded_but_not_within_texts(void **state)
{
    struct pma_mcp_message message;
    (void)state;
    char deep[400] = "{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":";
    size_t used = strlen(deep);
    memset(deep + used, '[', 70);
    memset(deep + used + 70, ']', 70);
    snprintf(deep + used + 140, sizeof deep - (used + 140), "%s", "}");
    assert_int_equal(pma_mcp_message_parse(deep, strlen(deep), &message), -EBADMSG);
    char flat[400] = "{\"jsonrpc\":\"2.0\",\"method\":\"\\\"";
    used = strlen(flat);
    memset(flat + used, '[', 70);
    snprintf(flat + used + 70, sizeof flat - (used + 70), "%s", "\"}");
    assert_int_equal(pma_mcp_message_parse(flat, strlen(flat), &message), 0);
    assert_int_equal(message.kind, PMA_MCP_MESSAGE_NOTIFICATION);
    pma_mcp_message_fini(&message);
}

static void a_line_that_is_too_long_fails_who_waits_and_the_next_is_read(void **state)
{
    struct pma_mcp_session session;
    struct pma_mcp_wait wait;
    char filler[1000];
    (void)state;
    make_ready(&session);
    assert_int_equal(calls(&session, &wait), 0);
    memset(filler, 'x', sizeof filler);
    for (int i = 0; i < 5; i++) {
        pma_mcp_session_input(&session, filler, sizeof filler);
        assert_true(pma_mcp_lines_is_valid(&session.lines));
    }
    pma_mcp_session_input(&session, "\n", 1);
    assert_int_equal(session.overlong_lines, 1);
    assert_true(wait.done);
    assert_int_equal(wait.err, -EMSGSIZE);
    assert_int_equal(calls(&session, &wait), 0);
    say(&session, "{'jsonrpc':'2.0','id':4,'result':{}}");
    assert_true(wait.done);
    json_decref(wait.outcome.result);
    end(&session);
}

static void the_initialisation_names_protocol_and_client(void **state)
{
    struct pma_mcp_session session;
    const struct pma_mcp_session_config config = {.max_line_bytes = 1000, .max_tools = 3};
    (void)state;
    pma_mcp_session_init(&session, &config);
    pma_mcp_session_start(&session, "7.7");
    json_t *message = heard(&session);
    const json_t *params = json_object_get(message, "params");
    assert_string_equal(json_string_value(json_object_get(params, "protocolVersion")),
                        PMA_MCP_PROTOCOL);
    const json_t *info = json_object_get(params, "clientInfo");
    assert_string_equal(json_string_value(json_object_get(info, "version")), "7.7");
    assert_true(json_is_object(json_object_get(params, "capabilities")));
    json_decref(message);
    end(&session);
}

static void an_unknown_protocol_breaks_the_session_off(void **state)
{
    struct pma_mcp_session session;
    const struct pma_mcp_session_config config = {.max_line_bytes = 1000, .max_tools = 3};
    (void)state;
    pma_mcp_session_init(&session, &config);
    pma_mcp_session_start(&session, "0");
    say(&session, "{'jsonrpc':'2.0','id':1,'result':{'protocolVersion':'1999-01-01'}}");
    assert_int_equal(session.state, PMA_MCP_SESSION_BROKEN);
    assert_non_null(strstr(session.error, "1999-01-01"));
    end(&session);
}

static void pages_of_tools_are_put_together_up_to_the_limit(void **state)
{
    struct pma_mcp_session session;
    const struct pma_mcp_session_config config = {.max_line_bytes = 1000, .max_tools = 3};
    (void)state;
    pma_mcp_session_init(&session, &config);
    pma_mcp_session_start(&session, "0");
    say(&session, INITIALISED);
    say(&session, "{'jsonrpc':'2.0','id':2,'result':{'tools':[{'name':'a'},{'name':'b'}],"
                  "'nextCursor':'more'}}");
    assert_int_equal(session.state, PMA_MCP_SESSION_LISTING);
    say(&session, "{'jsonrpc':'2.0','id':3,'result':{'tools':[{'name':'c'},{'name':'d'},"
                  "{'title':'nameless'}],'nextCursor':'more'}}");
    assert_int_equal(session.state, PMA_MCP_SESSION_READY);
    assert_int_equal(json_array_size(session.tools), 3);
    assert_int_equal(session.dropped_tools, 2);
    assert_true(pma_mcp_session_has_tool(&session, "c"));
    assert_false(pma_mcp_session_has_tool(&session, "d"));
    end(&session);
}

static void a_cursor_that_goes_in_circles_comes_to_an_end(void **state)
{
    struct pma_mcp_session session;
    const struct pma_mcp_session_config config = {.max_line_bytes = 1000, .max_tools = 3};
    char line[200];
    (void)state;
    pma_mcp_session_init(&session, &config);
    pma_mcp_session_start(&session, "0");
    say(&session, INITIALISED);
    for (int id = 2; id < 1000 && session.state == PMA_MCP_SESSION_LISTING; id++) {
        json_t *message = NULL;
        while ((message = heard(&session)) != NULL) {
            json_decref(message);
        }
        snprintf(line, sizeof line,
                 "{'jsonrpc':'2.0','id':%d,'result':{'tools':[],'nextCursor':'x'}}", id);
        say(&session, line);
    }
    assert_int_equal(session.state, PMA_MCP_SESSION_READY);
    end(&session);
}

static void the_list_is_read_again_when_the_peer_says_so(void **state)
{
    struct pma_mcp_session session;
    (void)state;
    make_ready(&session);
    say(&session, "{'jsonrpc':'2.0','method':'notifications/tools/list_changed'}");
    expect_method(&session, "tools/list");
    assert_true(
        pma_mcp_session_has_tool(&session, "echo")); /* until the new one is there */
    say(&session, "{'jsonrpc':'2.0','id':3,'result':{'tools':[{'name':'other'}]}}");
    assert_false(pma_mcp_session_has_tool(&session, "echo"));
    assert_true(pma_mcp_session_has_tool(&session, "other"));
    end(&session);
}

static void answers_find_their_calls_in_any_order(void **state)
{
    struct pma_mcp_session session;
    struct pma_mcp_wait waits[3];
    (void)state;
    make_ready(&session);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(calls(&session, &waits[i]), 0);
    }
    say(&session, "{'jsonrpc':'2.0','id':5,'result':{'n':5}}");
    say(&session, "{'jsonrpc':'2.0','id':3,'result':{'n':3}}");
    say(&session, "{'jsonrpc':'2.0','id':99,'result':{'n':99}}");
    say(&session, "{'jsonrpc':'2.0','id':'4','result':{'n':4}}");
    assert_int_equal(session.unknown_answers, 2);
    assert_true(waits[0].done && waits[2].done);
    assert_false(waits[1].done);
    for (size_t i = 0; i < 3; i += 2) {
        assert_int_equal(
            json_integer_value(json_object_get(waits[i].outcome.result, "n")), 3 + i);
        json_decref(waits[i].outcome.result);
    }
    end(&session);
    assert_true(waits[1].done);
    assert_int_equal(waits[1].err, -ECANCELED);
}

static void errors_of_the_peer_and_of_the_tool_are_told_apart(void **state)
{
    struct pma_mcp_session session;
    struct pma_mcp_wait wait;
    (void)state;
    make_ready(&session);
    calls(&session, &wait);
    say(&session, "{'jsonrpc':'2.0','id':3,'error':{'code':-32602,'message':'bad a'}}");
    assert_int_equal(wait.err, -EINVAL);
    assert_string_equal(wait.outcome.error, "bad a");
    calls(&session, &wait);
    say(&session, "{'jsonrpc':'2.0','id':4,'error':{'code':-32000,'message':'boom'}}");
    assert_int_equal(wait.err, -EREMOTEIO);
    calls(&session, &wait);
    say(&session, "{'jsonrpc':'2.0','id':5,'result':{'isError':true,'content':"
                  "[{'type':'text','text':'no disk'},{'type':'text','text':'at all'}]}}");
    assert_int_equal(wait.err, -EREMOTEIO);
    assert_string_equal(wait.outcome.error, "no disk; at all");
    json_decref(wait.outcome.result);
    end(&session);
}

static void a_call_is_refused_before_ready_and_without_such_a_tool(void **state)
{
    struct pma_mcp_session session;
    const struct pma_mcp_session_config config = {.max_line_bytes = 1000, .max_tools = 3};
    struct pma_mcp_wait wait = {.done = false};
    (void)state;
    pma_mcp_session_init(&session, &config);
    assert_int_equal(pma_mcp_session_call(&session, "echo", NULL, &wait), -ENOTCONN);
    end(&session);
    make_ready(&session);
    assert_int_equal(pma_mcp_session_call(&session, "nothing", NULL, &wait), -ENOENT);
    assert_non_null(strstr(wait.outcome.error, "nothing"));
    assert_null(session.waits);
    end(&session);
}

static void a_call_that_is_too_long_is_not_sent(void **state)
{
    struct pma_mcp_session session;
    struct pma_mcp_wait wait = {.done = false};
    char text[LINE_BYTES];
    (void)state;
    make_ready(&session);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    json_t *arguments = json_pack("{s:s}", "text", text);
    assert_int_equal(pma_mcp_session_call(&session, "echo", arguments, &wait), -E2BIG);
    assert_null(heard(&session));
    json_decref(arguments);
    end(&session);
}

static void a_peer_that_does_not_read_is_noticed(void **state)
{
    struct pma_mcp_session session;
    struct pma_mcp_wait waits[200];
    int err = 0;
    size_t count = 0;
    (void)state;
    make_ready(&session);
    while (err == 0 && count < 200) {
        waits[count] = (struct pma_mcp_wait){.done = false};
        err = pma_mcp_session_call(&session, "echo", NULL, &waits[count++]);
    }
    assert_int_equal(err, -EBUSY);
    const char *bytes = NULL;
    assert_true(pma_mcp_session_output(&session, &bytes) <= 2 * (LINE_BYTES + 1));
    end(&session);
}

static void a_forgotten_call_is_cancelled_and_its_late_answer_is_nobodys(void **state)
{
    struct pma_mcp_session session;
    struct pma_mcp_wait wait;
    (void)state;
    make_ready(&session);
    calls(&session, &wait);
    pma_mcp_session_forget(&session, &wait, "timeout");
    json_t *message = heard(&session);
    assert_string_equal(json_string_value(json_object_get(message, "method")),
                        "notifications/cancelled");
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(message, "params"), "requestId")),
                     3);
    json_decref(message);
    say(&session, "{'jsonrpc':'2.0','id':3,'result':{}}");
    assert_false(wait.done);
    assert_int_equal(session.unknown_answers, 1);
    end(&session);
}

static void a_ping_is_answered_and_other_requests_are_declined(void **state)
{
    struct pma_mcp_session session;
    (void)state;
    make_ready(&session);
    say(&session, "{'jsonrpc':'2.0','id':'p1','method':'ping'}");
    json_t *message = heard(&session);
    assert_string_equal(json_string_value(json_object_get(message, "id")), "p1");
    assert_true(json_is_object(json_object_get(message, "result")));
    json_decref(message);
    say(&session, "{'jsonrpc':'2.0','id':7,'method':'roots/list'}");
    message = heard(&session);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(message, "error"), "code")),
        -32601);
    json_decref(message);
    end(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_found_wherever_the_bytes_are_cut),
        cmocka_unit_test(what_is_not_json_rpc_is_counted_and_passed_over),
        cmocka_unit_test(nesting_is_bounded_but_not_within_texts),
        cmocka_unit_test(a_line_that_is_too_long_fails_who_waits_and_the_next_is_read),
        cmocka_unit_test(the_initialisation_names_protocol_and_client),
        cmocka_unit_test(an_unknown_protocol_breaks_the_session_off),
        cmocka_unit_test(pages_of_tools_are_put_together_up_to_the_limit),
        cmocka_unit_test(a_cursor_that_goes_in_circles_comes_to_an_end),
        cmocka_unit_test(the_list_is_read_again_when_the_peer_says_so),
        cmocka_unit_test(answers_find_their_calls_in_any_order),
        cmocka_unit_test(errors_of_the_peer_and_of_the_tool_are_told_apart),
        cmocka_unit_test(a_call_is_refused_before_ready_and_without_such_a_tool),
        cmocka_unit_test(a_call_that_is_too_long_is_not_sent),
        cmocka_unit_test(a_peer_that_does_not_read_is_noticed),
        cmocka_unit_test(a_forgotten_call_is_cancelled_and_its_late_answer_is_nobodys),
        cmocka_unit_test(a_ping_is_answered_and_other_requests_are_declined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
