/* Tool servers in the configuration: lists, names, limits, and what is wrong with them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct pma_config config;
static struct pma_config_problems problems;

static int set_up(void **state)
{
    (void)state;
    pma_config_defaults(&config);
    memset(&problems, 0, sizeof problems);
    return 0;
}

static void read_text(const char *text)
{
    pma_config_read_text(text, strlen(text), &config, &problems);
    pma_config_check(&config, &problems);
}

static void expect_problem(const char *words)
{
    assert_int_equal(problems.count, 1);
    if (strstr(problems.items[0].text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", problems.items[0].text, words);
    }
}

static void lists_of_yaml_become_words(void **state)
{
    (void)state;
    read_text("mcp:\n"
              "  max_servers: 3\n"
              "  servers:\n"
              "    everything:\n"
              "      command: npx\n"
              "      args: [\"-y\", 'a \"quoted\" word', 7]\n"
              "      env:\n"
              "        - PATH\n"
              "        - KEY=a=b\n"
              "      timeout: 250ms\n"
              "    off: {command: cat, enabled: false}\n");
    assert_int_equal(problems.count, 0);
    assert_int_equal(config.mcp.max_servers, 3);
    assert_int_equal(config.mcp.servers_count, 2);
    assert_string_equal(config.mcp.servers[0].id, "everything");
    assert_string_equal(config.mcp.servers[0].command, "npx");
    assert_string_equal(config.mcp.servers[0].args,
                        "[\"-y\",\"a \\\"quoted\\\" word\",\"7\"]");
    assert_string_equal(config.mcp.servers[0].env, "[\"PATH\",\"KEY=a=b\"]");
    assert_int_equal(config.mcp.servers[0].timeout_ns, 250 * PMA_MS_NS);
    assert_true(config.mcp.servers[0].enabled);
    assert_false(config.mcp.servers[1].enabled);
}

static void an_empty_section_is_none(void **state)
{
    (void)state;
    read_text("mcp:\n  servers:\n");
    assert_int_equal(problems.count, 0);
    assert_int_equal(config.mcp.servers_count, 0);
}

static void a_setting_is_added_to_a_server_that_is_there(void **state)
{
    (void)state;
    read_text("mcp: {servers: {a: {command: cat}}}\n");
    pma_config_set(&config, "mcp.servers.a.args", "[\"-u\"]", "--set", &problems);
    pma_config_set(&config, "mcp.servers.a.enabled", "false", "--set", &problems);
    assert_int_equal(problems.count, 0);
    assert_int_equal(config.mcp.servers_count, 1);
    assert_string_equal(config.mcp.servers[0].args, "[\"-u\"]");
    assert_false(config.mcp.servers[0].enabled);
}

static void a_list_of_something_else_than_texts_is_a_problem(void **state)
{
    (void)state;
    pma_config_set(&config, "mcp.servers.a.args", "[\"-u\", 7]", "--set", &problems);
    expect_problem("list of up to 64 texts");
    assert_string_equal(config.mcp.servers[0].args, "");
}

static void a_server_without_a_command_is_a_problem(void **state)
{
    (void)state;
    read_text("mcp: {servers: {a: {enabled: true}}}\n");
    expect_problem("mcp.servers.a.command: is missing");
}

static void a_mistake_is_told_with_its_line(void **state)
{
    static const char *const rows[][2] = {
        {"mcp:\n  servers:\n    a: {command: x, cwd: /}\n", "unknown key"},
        {"mcp:\n  servers:\n    a: {command: x, args: word}\n", "list of up to 64"},
        {"mcp:\n  servers:\n    a: {command: x, args: [[1]]}\n", "list of up to 64"},
        {"mcp:\n  servers:\n    a: {command: x, args: {b: c}}\n", "list of up to 64"},
        {"mcp:\n  servers:\n    a: {command: x, enabled: 7}\n", "true or false"},
        {"mcp:\n  servers:\n    a: {command: x, timeout: 7}\n", "duration"},
        {"mcp:\n  servers:\n    a: {command: x, timeout: 1h}\n", "duration"},
        {"mcp:\n  servers:\n    a__b: {command: x}\n", "letters"},
        {"mcp:\n  servers:\n    builtin: {command: x}\n", "letters"},
        {"mcp:\n  servers: 7\n", ""},
        {"mcp:\n  servers: [a]\n", ""},
        {"websocket:\n  max_clients: [1]\n", "is a value, not a list"},
        {"websocket: [1]\n", "section"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set_up(state);
        read_text(rows[i][0]);
        expect_problem(rows[i][1]);
        assert_int_equal(problems.items[0].line, i < 9 ? 3 : i < 12 ? 2 : 1);
    }
}

static void the_ninth_server_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < PMA_CONFIG_MCP_SERVERS_MAX + 1; i++) {
        char key[64];
        snprintf(key, sizeof key, "mcp.servers.s%d.command", i);
        pma_config_set(&config, key, "cat", "--set", &problems);
    }
    expect_problem("more than 8 tool servers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lists_of_yaml_become_words, set_up),
        cmocka_unit_test_setup(an_empty_section_is_none, set_up),
        cmocka_unit_test_setup(a_setting_is_added_to_a_server_that_is_there, set_up),
        cmocka_unit_test_setup(a_list_of_something_else_than_texts_is_a_problem, set_up),
        cmocka_unit_test_setup(a_server_without_a_command_is_a_problem, set_up),
        cmocka_unit_test_setup(a_mistake_is_told_with_its_line, set_up),
        cmocka_unit_test_setup(the_ninth_server_is_refused, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
