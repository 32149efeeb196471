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
    assert_int_equal(seep_growth_measure(y, 40, &growth), 0);
    assert_true(growth.rise > 30 && growth.p_trend < 1e-4 && growth.p_steps < 1e-9);
    assert_true(growth.drift_z > 3 && growth.end_share > 0.4 && growth.coarse_rising);
    assert_int_equal(growth.ups, 39);
    assert_int_equal(growth.downs, 0);
}

static void a_flat_series_shows_nothing(void **state)
{
    double y[40] = {0};
    struct seep_growth growth;

    (void)state;
    assert_int_equal(seep_growth_measure(y, 40, &growth), 0);
    assert_true(growth.rise == 0 && growth.p_trend == 1 && growth.p_steps == 1);
    assert_false(growth.coarse_rising);
}

static void eleven_values_are_too_few(void **state)
{
    double y[11] = {0};
    struct seep_growth growth = {.rise = 42};

    (void)state;
    assert_int_equal(seep_growth_measure(y, 11, &growth), -EINVAL);
    assert_true(growth.rise == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_shows_in_every_statistic),
        cmocka_unit_test(a_flat_series_shows_nothing),
        cmocka_unit_test(eleven_values_are_too_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
