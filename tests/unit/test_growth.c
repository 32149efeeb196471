/* All growth statistics of one series.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/growth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_leak_shows_in_every_statistic(void **state)
{
    double y[40];
    struct seep_growth growth;

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        y[i] = (double)i;
    }
    assert_int_equal(seep_growth_measure(y, 40, 0, 3, &growth), 0);
    assert_true(growth.rise > 30 && growth.p_trend < 1e-4 && growth.p_steps < 1e-9);
    assert_true(growth.p_walk < 1e-6 && growth.end_share > 0.4);
    assert_true(growth.last_share > 0.2 && growth.plateau_gain < 0 && growth.start == 0);
    assert_int_equal(growth.ups, 39);
    assert_int_equal(growth.downs, 0);
}

static void a_flat_series_shows_nothing(void **state)
{
    double y[40] = {0};
    struct seep_growth growth;

    (void)state;
    assert_int_equal(seep_growth_measure(y, 40, 0, 3, &growth), 0);
    assert_true(growth.rise == 0 && growth.p_trend == 1 && growth.p_steps == 1);
    assert_true(growth.p_walk == 1 && growth.end_pace == 1);
}

static void eleven_values_are_too_few(void **state)
{
    double y[40] = {0};
    struct seep_growth growth = {.rise = 42};

    (void)state;
    assert_int_equal(seep_growth_measure(y, 40, 29, 3, &growth), -EINVAL);
    assert_true(growth.rise == 42);
}

static void a_rise_below_the_least_is_not_tested(void **state)
{
    double y[40];
    struct seep_growth growth;

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        y[i] = (double)i / 20;
    }
    assert_int_equal(seep_growth_measure(y, 40, 0, 3, &growth), 0);
    assert_true(growth.rise > 1 && growth.p_trend == 1 && growth.p_walk == 1);
}

/* 40 values of warm-up at 10 a step, 160 of a leak at 0.1: the trend is tested from the
 * knee on, though the window begins later. */
static void the_series_own_warm_up_is_left_out_and_no_more(void **state)
{
    double y[200];
    struct seep_growth growth;

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        y[i] = i < 40 ? 10 * (double)i : 400 + 0.1 * (double)(i - 40);
    }
    assert_int_equal(seep_growth_measure(y, 200, 66, 3, &growth), 0);
    assert_in_range(growth.start, 36, 44);
    assert_true(growth.p_trend < 1e-6 && growth.p_walk < 1e-6);
}

static void what_fills_to_a_level_is_told_from_a_line(void **state)
{
    double y[200];
    struct seep_growth growth;

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        y[i] = i < 130 ? (double)i : 130;
    }
    assert_int_equal(seep_growth_measure(y, 200, 66, 3, &growth), 0);
    assert_true(growth.plateau_gain > 6 && growth.end_pace < 0.3);
    assert_true(growth.last_share == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_shows_in_every_statistic),
        cmocka_unit_test(a_flat_series_shows_nothing),
        cmocka_unit_test(a_rise_below_the_least_is_not_tested),
        cmocka_unit_test(the_series_own_warm_up_is_left_out_and_no_more),
        cmocka_unit_test(what_fills_to_a_level_is_told_from_a_line),
        cmocka_unit_test(eleven_values_are_too_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
