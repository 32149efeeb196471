/* Fixes: how they are selected, and that what they lift exists.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/command_line.h"
#include "server/config/config_fixes.h"
#include "server/fault/fixes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static uint64_t bit_of(const char *name)
{
    size_t count = 0;
    const struct pma_fix *fixes = pma_fixes(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fixes[i].name, name) == 0) {
            return (uint64_t)1 << fixes[i].bit;
        }
    }
    fail_msg("no fix %s", name);
    return 0;
}

static uint64_t parse(const char *text)
{
    char why[300];
    uint64_t off = 0;
    assert_int_equal(pma_fixes_parse(text, &off, why, sizeof why), 0);
    return off;
}

static void words_are_taken_from_left_to_right(void **state)
{
    uint64_t all = 0;
    size_t count = 0;
    const struct pma_fix *fixes = pma_fixes(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(all >> fixes[i].bit & 1, 0); /* no bit twice */
        all |= (uint64_t)1 << fixes[i].bit;
    }
    assert_int_equal(parse("on"), 0);
    assert_int_equal(parse("off"), all);
    assert_int_equal(parse("-queue-limits, -client-limits"),
                     bit_of("queue-limits") | bit_of("client-limits"));
    assert_int_equal(parse("off,+queue-limits"), all & ~bit_of("queue-limits"));
    assert_int_equal(parse("-queue-limits,on"), 0);
}

static void a_wrong_word_is_named_and_changes_nothing(void **state)
{
    char why[300];
    uint64_t off = 42;
    (void)state;
    assert_int_equal(pma_fixes_parse("off,-queue", &off, why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "\"-queue\""));
    assert_non_null(strstr(why, "queue-limits"));
    assert_int_equal(pma_fixes_parse("", &off, why, sizeof why), -EINVAL);
    assert_int_equal(pma_fixes_parse("queue-limits", &off, why, sizeof why), -EINVAL);
    assert_int_equal(off, 42);
}

static void every_fix_has_a_setting_and_all_of_them_are_valid(void **state)
{
    size_t count = 0;
    const struct pma_fix *fixes = pma_fixes(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct pma_config before;
        pma_config_defaults(&config);
        config.fixes_off = (uint64_t)1 << fixes[i].bit;
        before = config;
        pma_config_lift_fixes(&config, &problems);
        if (problems.count > 0) {
            fail_msg("%s: %s", fixes[i].name, problems.items[0].text);
        }
        /* It is off by something that differs from the defaults. */
        assert_memory_not_equal(&config, &before, sizeof config);
    }
}

static void configure(const char *first, const char *second)
{
    char name[] = "pma-backend";
    char texts[2][80];
    char *const arguments[] = {name, texts[0], texts[1]};
    struct pma_command_line options;
    char why[160];
    snprintf(texts[0], sizeof texts[0], "%s", first);
    snprintf(texts[1], sizeof texts[1], "%s", second);
    assert_int_equal(pma_command_line_parse(3, arguments, &options, why, sizeof why), 0);
    assert_int_equal(pma_command_line_configure(&options, &config, &problems), 0);
    assert_int_equal(problems.count, 0);
}

static void a_fix_that_is_off_lifts_limits_and_commits_faults(void **state)
{
    (void)state;
    configure("--fixes", "off");
    assert_int_equal(config.websocket.max_clients, 50000);
    assert_int_equal(config.websocket.client_timeout_ns, 24 * 3600 * PMA_S_NS);
    assert_true(config.faults[PMA_FAULT_F01].enabled);
    assert_true(config.faults[PMA_FAULT_F05].enabled);
    assert_false(config.memory_monitor.enabled);
}

static void set_wins_over_a_fix_and_can_select_them(void **state)
{
    (void)state;
    configure("--set=fixes=-client-limits,-queue-limits",
              "--set=websocket.max_clients=7");
    assert_int_equal(config.websocket.max_clients, 7);
    assert_int_equal(config.websocket.max_queue_messages, 1000000);
    assert_false(config.faults[PMA_FAULT_F01].enabled);
}

static void
the_environment_selects_fixes_and_the_command_line_goes_on_from_there(void **state)
{
    (void)state;
    setenv("PMA_FIXES", "off", 1);
    configure("--fixes", "+client-limits");
    unsetenv("PMA_FIXES");
    assert_int_equal(config.websocket.max_clients, 1000);
    assert_int_equal(config.websocket.max_queue_messages, 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(words_are_taken_from_left_to_right, setup),
        cmocka_unit_test_setup(a_wrong_word_is_named_and_changes_nothing, setup),
        cmocka_unit_test_setup(every_fix_has_a_setting_and_all_of_them_are_valid, setup),
        cmocka_unit_test_setup(a_fix_that_is_off_lifts_limits_and_commits_faults, setup),
        cmocka_unit_test_setup(set_wins_over_a_fix_and_can_select_them, setup),
        cmocka_unit_test_setup(
            the_environment_selects_fixes_and_the_command_line_goes_on_from_there, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
