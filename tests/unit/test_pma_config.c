/* Configuration: what is taken, what is refused, and on which line.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/config/config_value.h"
#include "server/log/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct pma_config config;
static struct pma_config_problems problems;

static int setup(void **state)
{
    (void)state;
    memset(&problems, 0, sizeof problems);
    pma_config_defaults(&config);
    return 0;
}

static int read_yaml(const char *text)
{
    return pma_config_read_text(text, strlen(text), &config, &problems);
}

/* The problem number `at` is on `line` and its text holds `piece`. */
static void assert_problem(size_t at, unsigned line, const char *piece)
{
    assert_true(at < problems.count);
    assert_int_equal(problems.items[at].line, line);
    if (strstr(problems.items[at].text, piece) == NULL) {
        fail_msg("\"%s\" does not hold \"%s\"", problems.items[at].text, piece);
    }
}

/* Byte by byte: both begin with zeros. */
static void the_example_file_has_the_default_of_each_setting(void **state)
{
    static struct pma_config defaults;
    const char *example = getenv("PMA_EXAMPLE");
    (void)state;
    if (example == NULL) {
        skip(); /* not under ctest */
    }
    pma_config_defaults(&defaults);
    assert_int_equal(pma_config_read_file(example, &config, &problems), 0);
    assert_memory_equal(&config, &defaults, sizeof defaults);
}

static void defaults_are_those_of_the_document(void **state)
{
    (void)state;
    assert_int_equal(config.server.port, 3001);
    assert_int_equal(config.websocket.max_clients, 1000);
    assert_int_equal(config.websocket.send_queue_messages, 256);
    assert_int_equal(config.websocket.max_queue_messages, 1000);
    assert_int_equal(config.websocket.client_timeout_ns, 300 * PMA_S_NS);
    assert_int_equal(config.websocket.cleanup_interval_ns, 30 * PMA_S_NS);
    assert_int_equal(config.memory_monitor.max_memory_usage_bytes, 1 << 30);
    assert_int_equal(config.memory_monitor.max_goroutines, 10000);
    assert_int_equal(config.memory_monitor.max_heap_alloc_bytes, 512 << 20);
    assert_int_equal(config.memory_monitor.check_interval_ns, 30 * PMA_S_NS);
    assert_int_equal(config.memory_monitor.cleanup_interval_ns, 300 * PMA_S_NS);
    assert_int_equal(config.memory_monitor.max_history_size, 100);
    assert_true(config.memory_monitor.memory_alert_percent == 80.0);
}

static void every_kind_of_value_is_taken(void **state)
{
    (void)state;
    assert_int_equal(read_yaml("server:\n"
                               "  host: ::1\n"
                               "  port: 0\n"
                               "logging: {level: debug}\n"
                               "memory_monitor:\n"
                               "  enabled: off\n"
                               "  check_interval: 250ms\n"
                               "  cleanup_interval: 1h30m\n"
                               "  max_heap_alloc: 1.5GiB\n"
                               "  memory_alert_percent: 72.5\n"
                               "faults:\n"
                               "  F01: {enabled: true, rate: 2.5, limit: 100}\n"),
                     0);
    assert_int_equal(problems.count, 0);
    assert_string_equal(config.server.host, "::1");
    assert_int_equal(config.server.port, 0);
    assert_int_equal(config.logging.level, PMA_LOG_DEBUG);
    assert_false(config.memory_monitor.enabled);
    assert_int_equal(config.memory_monitor.check_interval_ns, 250 * PMA_MS_NS);
    assert_int_equal(config.memory_monitor.cleanup_interval_ns, 5400 * PMA_S_NS);
    assert_int_equal(config.memory_monitor.max_heap_alloc_bytes, 1610612736);
    assert_true(config.memory_monitor.memory_alert_percent == 72.5);
    assert_true(config.faults[PMA_FAULT_F01].enabled);
    assert_true(config.faults[PMA_FAULT_F01].rate_per_s == 2.5);
    assert_int_equal(config.faults[PMA_FAULT_F01].limit, 100);
}

static void all_errors_are_listed_with_their_lines(void **state)
{
    (void)state;
    assert_int_equal(read_yaml("server:\n"
                               "  prot: 3001\n"
                               "websocket:\n"
                               "  max_clients: -5\n"
                               "  client_timeout: 300\n"
                               "  ping_interval: 10s\n"
                               "memcached:\n"
                               "  host: a\n"
                               "faults:\n"
                               "  F99: {enabled: true}\n"
                               "  F01: {speed: 3}\n"),
                     0);
    assert_int_equal(problems.count, 6);
    assert_problem(0, 2, "server.prot: unknown key; did you mean server.port?");
    assert_problem(1, 4, "websocket.max_clients: \"-5\" is not a whole number from 1");
    assert_problem(2, 5, "websocket.client_timeout: \"300\" is not a duration such as");
    assert_problem(3, 7, "memcached: unknown key");
    assert_problem(4, 10, "there is no fault \"F99\"; known: F00 F01");
    assert_problem(5, 11, "a fault has enabled, rate and limit");
    /* What is right is taken all the same. */
    assert_int_equal(config.websocket.ping_interval_ns, 10 * PMA_S_NS);
    assert_int_equal(config.websocket.max_clients, 1000);
}

static void providers_may_be_a_list_of_types(void **state)
{
    (void)state;
    assert_int_equal(read_yaml("ai:\n"
                               "  max_retries: 2\n"
                               "  providers:\n"
                               "    - type: openai\n"
                               "      enabled: true\n"
                               "      api_key: sk-1\n"
                               "      priority: 1\n"
                               "    - {type: ollama, url: 'http://host:1'}\n"
                               "    - {type: nobody}\n"
                               "    - {enabled: true}\n"
                               "    - plain\n"
                               "    - {type: claude, model: x}\n"),
                     0);
    assert_true(config.ai.openai.enabled);
    assert_string_equal(config.ai.openai.api_key, "sk-1");
    assert_int_equal(config.ai.openai.priority, 1);
    assert_string_equal(config.ai.ollama.url, "http://host:1");
    assert_int_equal(problems.count, 4);
    assert_problem(0, 9, "ai.providers: there is no type nobody");
    assert_problem(1, 10, "ai.providers: each item needs a type");
    assert_problem(2, 11, "ai.providers: each item needs a type");
    assert_problem(3, 12, "ai.providers.claude.model: unknown key");
}

static void texts_are_bounded_and_a_secret_is_never_repeated(void **state)
{
    (void)state;
    assert_int_equal(read_yaml("database:\n"
                               "  path: \"a\\tb\"\n"
                               "redis:\n"
                               "  password: \"hush\\nhush\"\n"
                               "  host: redis.example\n"
                               "  min_idle_conns: 11\n"
                               "  backoff_min: 6s\n"),
                     0);
    pma_config_check(&config, &problems);
    assert_int_equal(problems.count, 4);
    assert_problem(0, 2, "database.path: \"a\tb\" is not a text of 1 to 511 bytes");
    assert_problem(1, 4, "redis.password: what is given is not a text of 0 to 255");
    assert_null(strstr(problems.items[1].text, "hush"));
    assert_problem(2, 0, "redis.min_idle_conns: 11 is more than redis.pool_size, 10");
    assert_problem(3, 0, "redis.backoff_min: is longer than redis.backoff_max");
    assert_string_equal(config.redis.host, "redis.example");
}

static void a_key_given_twice_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(read_yaml("server:\n  port: 1\n  port: 2\n"), 0);
    assert_int_equal(problems.count, 1);
    assert_problem(0, 3, "server.port: given twice");
}

static void a_section_where_a_value_belongs_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(read_yaml("server: 3001\nlogging:\n  level: [debug]\n"), 0);
    assert_int_equal(problems.count, 2);
    assert_problem(0, 1, "server: is a section, not a value");
    assert_problem(1, 3, "logging.level: is a value, not a list");
}

static void text_that_is_not_yaml_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_int_equal(read_yaml("server:\n  port: 1\n bad: [\n"), -EINVAL);
    assert_int_equal(problems.count, 1);
    assert_true(problems.items[0].line >= 3);
    assert_non_null(strstr(problems.items[0].text, "not YAML"));
}

static void an_empty_file_means_the_defaults(void **state)
{
    (void)state;
    assert_int_equal(read_yaml(""), 0);
    assert_int_equal(read_yaml("# nothing\nserver:\nfaults:\n"), 0);
    assert_int_equal(problems.count, 0);
    assert_int_equal(config.server.port, 3001);
}

static void a_file_that_is_not_there_gives_its_error(void **state)
{
    (void)state;
    assert_int_equal(pma_config_read_file("/nonexistent/x.yaml", &config, &problems),
                     -ENOENT);
    assert_int_equal(pma_config_read_file("/", &config, &problems), -EISDIR);
    assert_int_equal(pma_config_read_file("/dev/zero", &config, &problems), -EFBIG);
    assert_int_equal(problems.count, 0);
}

static void the_environment_wins_over_the_file_and_names_itself(void **state)
{
    (void)state;
    setenv("PORT", "4000", 1);
    setenv("LOG_LEVEL", "loud", 1);
    setenv("PMA_FAULTS", "F01@250/30, f05,F11@0.5,F77", 1);
    read_yaml("server: {port: 5}\n");
    pma_config_read_environment(&config, &problems);
    unsetenv("PORT");
    unsetenv("LOG_LEVEL");
    unsetenv("PMA_FAULTS");
    assert_int_equal(config.server.port, 4000);
    assert_true(config.faults[PMA_FAULT_F01].enabled);
    assert_true(config.faults[PMA_FAULT_F01].rate_per_s == 250.0);
    assert_int_equal(config.faults[PMA_FAULT_F01].limit, 30);
    assert_true(config.faults[PMA_FAULT_F05].enabled);
    assert_true(config.faults[PMA_FAULT_F05].rate_per_s == 0.0);
    assert_true(config.faults[PMA_FAULT_F11].rate_per_s == 0.5);
    assert_int_equal(config.faults[PMA_FAULT_F11].limit, 0);
    assert_int_equal(problems.count, 2);
    assert_problem(0, 0,
                   "LOG_LEVEL: logging.level: \"loud\" is not debug, info, warn or");
    assert_problem(1, 0, "PMA_FAULTS: faults.F77.enabled: there is no fault");
}

static void more_problems_than_are_kept_are_counted(void **state)
{
    (void)state;
    char text[4096] = "server:\n";
    for (int i = 0; i < 100; i++) {
        char line[32];
        snprintf(line, sizeof line, "  nonsense%d: 1\n", i);
        strcat(text, line);
    }
    read_yaml(text);
    assert_int_equal(problems.count, 100);
    assert_problem(PMA_CONFIG_PROBLEMS_MAX - 1, PMA_CONFIG_PROBLEMS_MAX + 1,
                   "unknown key");
}

static void durations_need_a_unit_and_nothing_else(void **state)
{
    static const char *const wrong[] = {
        "",     "5",    "s",   "5 s", "-5s",
        "1e3s", "5x",   "5s5", "5sm", ".5s",
        "5.s",  "0x5s", "1m ", "inf", "99999999999999999s"};
    uint64_t ns = 77;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_not_equal(pma_parse_duration(wrong[i], &ns), 0);
        assert_int_equal(ns, 77);
    }
    assert_int_equal(pma_parse_duration("1.5s", &ns), 0);
    assert_int_equal(ns, 1500 * PMA_MS_NS);
    assert_int_equal(pma_parse_duration("1h2m3s4ms", &ns), 0);
    assert_int_equal(ns, 3723 * PMA_S_NS + 4 * PMA_MS_NS);
    assert_int_equal(pma_parse_duration("0", &ns), 0);
    assert_int_equal(ns, 0);
}

static void sizes_are_powers_of_1024(void **state)
{
    uint64_t bytes = 0;
    (void)state;
    assert_int_equal(pma_parse_bytes("64KiB", &bytes), 0);
    assert_int_equal(bytes, 65536);
    assert_int_equal(pma_parse_bytes("1.5 MB", &bytes), 0);
    assert_int_equal(bytes, 1572864);
    assert_int_equal(pma_parse_bytes("12", &bytes), 0);
    assert_int_equal(bytes, 12);
    assert_int_equal(pma_parse_bytes("12 TiB", &bytes), -EINVAL);
    assert_int_equal(pma_parse_bytes("-1", &bytes), -EINVAL);
    assert_int_equal(bytes, 12);
}

static void durations_are_printed_as_go_does(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {{0, "0s"},
                 {1500, "1.5µs"},
                 {250 * PMA_MS_NS, "250ms"},
                 {30 * PMA_S_NS, "30s"},
                 {90 * PMA_S_NS, "1m30s"},
                 {300 * PMA_S_NS, "5m0s"},
                 {3600 * PMA_S_NS, "1h0m0s"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[40];
        pma_duration_text(cases[i].ns, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_example_file_has_the_default_of_each_setting, setup),
        cmocka_unit_test_setup(defaults_are_those_of_the_document, setup),
        cmocka_unit_test_setup(every_kind_of_value_is_taken, setup),
        cmocka_unit_test_setup(all_errors_are_listed_with_their_lines, setup),
        cmocka_unit_test_setup(providers_may_be_a_list_of_types, setup),
        cmocka_unit_test_setup(texts_are_bounded_and_a_secret_is_never_repeated, setup),
        cmocka_unit_test_setup(a_key_given_twice_is_an_error, setup),
        cmocka_unit_test_setup(a_section_where_a_value_belongs_is_an_error, setup),
        cmocka_unit_test_setup(text_that_is_not_yaml_is_refused_with_its_line, setup),
        cmocka_unit_test_setup(an_empty_file_means_the_defaults, setup),
        cmocka_unit_test_setup(a_file_that_is_not_there_gives_its_error, setup),
        cmocka_unit_test_setup(the_environment_wins_over_the_file_and_names_itself,
                               setup),
        cmocka_unit_test_setup(more_problems_than_are_kept_are_counted, setup),
        cmocka_unit_test(durations_need_a_unit_and_nothing_else),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(durations_are_printed_as_go_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
