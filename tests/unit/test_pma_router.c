/* Routes, envelopes, and the acceptor's look at a head.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/request_head.h"
#include "server/rest/router.h"
#include "server/rest/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char seen[PMA_PARAM_BYTES];

static void handle(struct pma_request *request, struct pma_reply *reply)
{
    memcpy(seen, request->param, sizeof seen);
    pma_reply_data(reply, json_pack("{s:s}", "handled", request->path));
}

static const struct pma_route table[] = {
    {"/api/v1/things", handle, PMA_METHOD_GET, false},
    {"/api/v1/things", handle, PMA_METHOD_POST, false},
    {"/api/v1/things/:id", handle, PMA_METHOD_DELETE, false},
    {"/api/v1/things/:id/parts", handle, PMA_METHOD_GET, false},
    {"/api/v1/secret", handle, PMA_METHOD_GET, true},
};

static const char *nothing(const struct pma_request *request, const char *name)
{
    (void)request;
    (void)name;
    return NULL;
}

static struct pma_reply ask(const char *method, const char *path, bool loopback)
{
    struct pma_request request = {.method = pma_method_parse(method),
                                  .method_text = method,
                                  .path = path,
                                  .query = "",
                                  .body = "",
                                  .client = "192.0.2.1",
                                  .loopback = loopback,
                                  .header = nothing,
                                  .argument = nothing};
    struct pma_reply reply = {.status = 0};
    seen[0] = '\0';
    pma_router_dispatch(table, sizeof table / sizeof table[0], &request, &reply);
    return reply;
}

static void assert_status(const char *method, const char *path, unsigned status)
{
    struct pma_reply reply = ask(method, path, true);
    assert_int_equal(reply.status, status);
    json_decref(reply.body);
}

static void a_final_slash_makes_no_difference(void **state)
{
    (void)state;
    assert_status("GET", "/api/v1/things", 200);
    assert_status("GET", "/api/v1/things/", 200);
    assert_status("GET", "/api/v1/things//", 404);
    assert_status("HEAD", "/api/v1/things", 200);
}

static void a_parameter_is_one_segment(void **state)
{
    (void)state;
    assert_status("DELETE", "/api/v1/things/abc-1", 200);
    assert_string_equal(seen, "abc-1");
    assert_status("GET", "/api/v1/things/xyz/parts", 200);
    assert_string_equal(seen, "xyz");
    assert_status("DELETE", "/api/v1/things/a/b", 404);
    assert_status("GET", "/api/v1/things//parts", 404);
}

static void a_parameter_too_long_is_not_found(void **state)
{
    char path[256] = "/api/v1/things/";
    (void)state;
    memset(path + strlen(path), 'x', 200);
    assert_status("DELETE", path, 404);
}

static void an_unknown_path_is_a_404_with_suggestions(void **state)
{
    (void)state;
    struct pma_reply reply = ask("GET", "/api/v1/thinks", true);
    assert_int_equal(reply.status, 404);
    assert_true(json_is_false(json_object_get(reply.body, "success")));
    assert_int_equal(json_integer_value(json_object_get(reply.body, "code")), 404);
    assert_string_equal(json_string_value(json_object_get(reply.body, "error")),
                        "Endpoint not found: GET /api/v1/thinks");
    const json_t *asked = json_object_get(reply.body, "request");
    assert_string_equal(json_string_value(json_object_get(asked, "path")),
                        "/api/v1/thinks");
    const json_t *suggestions =
        json_object_get(json_object_get(reply.body, "details"), "suggestions");
    assert_int_equal(json_array_size(suggestions), 4);
    json_decref(reply.body);
}

static void a_known_path_with_another_method_is_a_405(void **state)
{
    (void)state;
    struct pma_reply reply = ask("PUT", "/api/v1/things", true);
    assert_int_equal(reply.status, 405);
    assert_string_equal(reply.allow, "GET, HEAD, POST");
    json_decref(reply.body);
    assert_status("BREW", "/api/v1/things", 405);
}

static void a_loopback_route_is_closed_to_others(void **state)
{
    (void)state;
    struct pma_reply reply = ask("GET", "/api/v1/secret", false);
    assert_int_equal(reply.status, 403);
    json_decref(reply.body);
    assert_status("GET", "/api/v1/secret", 200);
}

static void a_path_that_is_not_utf8_still_gets_an_answer(void **state)
{
    (void)state;
    struct pma_reply reply = ask("GET", "/\xff\xfe", true);
    assert_int_equal(reply.status, 404);
    assert_non_null(reply.body);
    json_decref(reply.body);
}

static void flat_data_is_at_the_top_and_in_data(void **state)
{
    struct pma_reply reply = {.status = 0};
    (void)state;
    pma_reply_flat(&reply, json_pack("{s:i, s:s}", "n", 3, "status", "other"));
    assert_int_equal(json_integer_value(json_object_get(reply.body, "n")), 3);
    assert_string_equal(json_string_value(json_object_get(reply.body, "status")),
                        "success");
    const json_t *data = json_object_get(reply.body, "data");
    assert_string_equal(json_string_value(json_object_get(data, "status")), "other");
    json_decref(reply.body);
}

static void a_body_that_is_not_an_object_is_a_400(void **state)
{
    static const char *const bodies[] = {"", "{", "[1]", "7", "{\"a\":1}x", "\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        const struct pma_request request = {.method_text = "POST",
                                            .path = "/",
                                            .query = "",
                                            .body = bodies[i],
                                            .body_bytes = strlen(bodies[i])};
        struct pma_reply reply = {.status = 0};
        assert_null(pma_request_json(&request, &reply));
        assert_int_equal(reply.status, 400);
        json_decref(reply.body);
    }
}

static void no_two_routes_of_the_api_are_the_same(void **state)
{
    size_t count = 0;
    const struct pma_route *routes = pma_routes(&count);
    (void)state;
    assert_true(count >= 25);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            assert_false(routes[i].method == routes[j].method &&
                         strcmp(routes[i].pattern, routes[j].pattern) == 0);
        }
        const bool debug = strncmp(routes[i].pattern, "/api/v1/debug/", 14) == 0 ||
                           strncmp(routes[i].pattern, "/debug/", 7) == 0;
        assert_int_equal(routes[i].loopback_only, debug);
    }
}

static enum pma_head_verdict judge(const char *head)
{
    return pma_head_judge(head, strlen(head));
}

static void only_an_upgrade_of_ws_goes_to_the_hub(void **state)
{
    (void)state;
    assert_int_equal(judge("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
                     PMA_HEAD_UPGRADE);
    assert_int_equal(judge("GET /ws/?a=1 HTTP/1.1\r\nA: b\r\nupgrade: WebSocket\r\n\r\n"),
                     PMA_HEAD_UPGRADE);
    assert_int_equal(judge("GET /ws HTTP/1.1\r\n\r\n"), PMA_HEAD_HTTP);
    assert_int_equal(judge("GET /wsx HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
                     PMA_HEAD_HTTP);
    assert_int_equal(judge("POST /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
                     PMA_HEAD_HTTP);
    assert_int_equal(judge("GET /health HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
                     PMA_HEAD_HTTP);
    assert_int_equal(judge("GET /ws HTTP/1.1\r\nX-Upgrade: websocket\r\n\r\n"),
                     PMA_HEAD_HTTP);
    /* An upgrade after the head is body. */
    assert_int_equal(judge("GET /ws HTTP/1.1\r\n\r\nUpgrade: websocket\r\n\r\n"),
                     PMA_HEAD_HTTP);
}

static void a_head_is_judged_only_when_complete(void **state)
{
    static const char whole[] = "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
    (void)state;
    for (size_t bytes = 0; bytes < sizeof whole - 1; bytes++) {
        assert_int_equal(pma_head_judge(whole, bytes), PMA_HEAD_INCOMPLETE);
    }
    assert_int_equal(judge("\x16\x03\x01"), PMA_HEAD_NOT_HTTP);
    assert_int_equal(judge("get / http/1.1\r\n\r\n"), PMA_HEAD_NOT_HTTP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_final_slash_makes_no_difference),
        cmocka_unit_test(a_parameter_is_one_segment),
        cmocka_unit_test(a_parameter_too_long_is_not_found),
        cmocka_unit_test(an_unknown_path_is_a_404_with_suggestions),
        cmocka_unit_test(a_known_path_with_another_method_is_a_405),
        cmocka_unit_test(a_loopback_route_is_closed_to_others),
        cmocka_unit_test(a_path_that_is_not_utf8_still_gets_an_answer),
        cmocka_unit_test(flat_data_is_at_the_top_and_in_data),
        cmocka_unit_test(a_body_that_is_not_an_object_is_a_400),
        cmocka_unit_test(no_two_routes_of_the_api_are_the_same),
        cmocka_unit_test(only_an_upgrade_of_ws_goes_to_the_hub),
        cmocka_unit_test(a_head_is_judged_only_when_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
