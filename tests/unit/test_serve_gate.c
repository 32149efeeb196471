/* Who may ask.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_gate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct seep_gate gate_at(const char *text)
{
    struct seep_gate gate = {.cookie = "seep_1"};

    assert_int_equal(seep_gate_set_listen(&gate, text, NULL), 0);
    return gate;
}

static int decide(struct seep_gate *gate, struct seep_gate_request request)
{
    struct seep_error error = {0};

    request.method = request.method != NULL ? request.method : "GET";
    request.path = request.path != NULL ? request.path : "/metrics";
    int word = seep_gate_decide(gate, &request, 1, &error);

    assert_true(word <= SEEP_GATE_GREET || error.message[0] != '\0');
    return word;
}

static void addresses_are_read(void **state)
{
    static const struct {
        const char *text, *address;
        uint16_t port;
    } right[] = {{"7337", "127.0.0.1", 7337},       {"0", "127.0.0.1", 0},
                 {"127.0.0.1:80", "127.0.0.1", 80}, {"localhost:1", "127.0.0.1", 1},
                 {"[::1]:65535", "[::1]", 65535},   {"0.0.0.0:7", "0.0.0.0", 7}};
    static const char *const wrong[] = {
        "",       "x",     "1.2.3.4", "1.2.3.4:",   "1.2.3:80", "65536", "-1",    "7337x",
        "::1:80", "[::1]", "host:80", "1.2.3.4:+8", "[::g]:80", ":80",   "[]:80", " 80"};
    (void)state;

    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        struct seep_gate gate = gate_at(right[i].text);

        assert_string_equal(gate.address, right[i].address);
        assert_int_equal(gate.port, right[i].port);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct seep_gate gate = {0};

        if (seep_gate_set_listen(&gate, wrong[i], NULL) != -EINVAL) {
            fail_msg("\"%s\" is taken for %s:%u", wrong[i], gate.address, gate.port);
        }
    }
}

static void only_our_own_address_is_a_host(void **state)
{
    struct seep_gate gate = gate_at("127.0.0.1:7337");
    struct seep_gate web = gate_at("10.0.0.5:80");
    struct seep_gate any = gate_at("0.0.0.0:7337");
    (void)state;

    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = "127.0.0.1:7337"}),
                     0);
    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = "LocalHost:7337"}),
                     0);
    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = "[::1]:7337"}), 0);
    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = "127.0.0.1"}), 403);
    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = "10.0.0.5:7337"}),
                     403);
    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = ""}), 403);
    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = ":7337"}), 403);
    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = NULL}), 400);
    assert_int_equal(decide(&web, (struct seep_gate_request){.host = "10.0.0.5"}), 0);
    assert_int_equal(decide(&web, (struct seep_gate_request){.host = "10.0.0.5:80"}), 0);
    assert_int_equal(decide(&web, (struct seep_gate_request){.host = "localhost"}), 403);
    /* Any address may be ours; no name is. */
    assert_int_equal(decide(&any, (struct seep_gate_request){.host = "10.9.8.7:7337"}),
                     0);
    assert_int_equal(
        decide(&any, (struct seep_gate_request){.host = "evil.example:7337"}), 403);
}

static void a_link_from_elsewhere_may_lead_to_the_page_alone(void **state)
{
    struct seep_gate gate = gate_at("7337");
    (void)state;

    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = "localhost:7337",
                                                              .path = "/",
                                                              .fetch_site = "cross-site",
                                                              .fetch_mode = "navigate"}),
                     0);
    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = "localhost:7337",
                                                              .fetch_site = "cross-site",
                                                              .fetch_mode = "navigate"}),
                     403);
    assert_int_equal(
        decide(&gate, (struct seep_gate_request){.host = "localhost:7337",
                                                 .path = "/",
                                                 .fetch_site = "cross-site"}),
        403);
    assert_int_equal(decide(&gate, (struct seep_gate_request){.host = "localhost:7337",
                                                              .fetch_site = "none"}),
                     0);
}

static void a_token_is_compared_whole_wherever_it_stands(void **state)
{
    struct seep_gate gate = gate_at("10.0.0.5:80");
    struct seep_gate_request request = {.host = "10.0.0.5"};
    (void)state;

    (void)snprintf(gate.token, sizeof(gate.token), "0123456789abcdef");
    assert_int_equal(decide(&gate, request), 401);
    request.authorization = "Bearer 0123456789abcdef";
    assert_int_equal(decide(&gate, request), SEEP_GATE_OPEN);
    request.authorization = "bearer 0123456789abcdef";
    assert_int_equal(decide(&gate, request), SEEP_GATE_OPEN);
    request.authorization = "Bearer 0123456789abcde";
    assert_int_equal(decide(&gate, request), 401);
    request.authorization = "Bearer ";
    assert_int_equal(decide(&gate, request), 401);
    request.authorization = NULL;
    request.token = "0123456789abcdef";
    assert_int_equal(decide(&gate, request), SEEP_GATE_GREET);
    request.token = "";
    assert_int_equal(decide(&gate, request), 401);
    request.token = NULL;
    request.cookie = "a=b; seep_1=0123456789abcdef; c=d";
    assert_int_equal(decide(&gate, request), SEEP_GATE_OPEN);
    request.cookie = "xseep_1=0123456789abcdef";
    assert_int_equal(decide(&gate, request), 401);
    request.cookie = "seep_1=0123456789abcdefg";
    assert_int_equal(decide(&gate, request), 401);
}

static void guessing_is_slowed_down_for_those_who_guess(void **state)
{
    struct seep_gate gate = gate_at("7337");
    struct seep_gate_request request = {.method = "GET",
                                        .path = "/",
                                        .host = "localhost:7337",
                                        .authorization = "Bearer wrong"};
    struct seep_error error = {0};
    (void)state;

    (void)snprintf(gate.token, sizeof(gate.token), "0123456789abcdef");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(seep_gate_decide(&gate, &request, 1, &error), 401);
    }
    assert_int_equal(seep_gate_decide(&gate, &request, 2, &error), 429);
    assert_int_equal(seep_gate_decide(&gate, &request, UINT64_C(20000000000), &error),
                     401);
}

static void sizes_bodies_and_methods_are_limited(void **state)
{
    struct seep_gate gate = gate_at("7337");
    struct seep_gate_request request = {.host = "localhost:7337"};
    (void)state;

    request.head_bytes = 8193;
    assert_int_equal(decide(&gate, request), 431);
    request.head_bytes = 8192;
    assert_int_equal(decide(&gate, request), 0);
    request.content_length = "0";
    assert_int_equal(decide(&gate, request), 0);
    request.content_length = "1";
    assert_int_equal(decide(&gate, request), 413);
    request.method = "POST";
    assert_int_equal(decide(&gate, request), 405);
    request.method = "HEAD";
    request.content_length = NULL;
    assert_int_equal(decide(&gate, request), 0);
    request.many_hosts = true;
    assert_int_equal(decide(&gate, request), 400);
}

static void a_token_file_has_to_be_ours_alone_and_long_enough(void **state)
{
    char path[] = "/tmp/seep-test-token-XXXXXX";
    struct seep_gate gate = {0};
    struct seep_error error = {0};
    int fd = mkstemp(path);
    static const struct {
        const char *text;
        mode_t mode;
        int status;
    } cases[] = {{"0123456789abcde\n", 0600, -EINVAL},
                 {"0123456789abcdef\nmore\n", 0600, 0},
                 {"0123456789abcdef", 0400, 0},
                 {"0123456789abcdef\n", 0640, -EPERM},
                 {"0123456789abc def\n", 0600, -EINVAL},
                 {"0123456789abc;def\n", 0600, -EINVAL},
                 {"", 0600, -EINVAL}};
    (void)state;

    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, cases[i].text, strlen(cases[i].text), 0),
                         strlen(cases[i].text));
        assert_int_equal(fchmod(fd, cases[i].mode), 0);
        assert_int_equal(seep_gate_read_token(&gate, path, &error), cases[i].status);
    }
    assert_string_equal(gate.token, "0123456789abcdef");
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(seep_gate_read_token(&gate, path, &error), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(only_our_own_address_is_a_host),
        cmocka_unit_test(a_link_from_elsewhere_may_lead_to_the_page_alone),
        cmocka_unit_test(a_token_is_compared_whole_wherever_it_stands),
        cmocka_unit_test(guessing_is_slowed_down_for_those_who_guess),
        cmocka_unit_test(sizes_bodies_and_methods_are_limited),
        cmocka_unit_test(a_token_file_has_to_be_ours_alone_and_long_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
