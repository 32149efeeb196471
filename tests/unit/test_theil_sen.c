/* Theil-Sen slope and its interval.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/theil_sen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static double scratch[SEEP_THEIL_SEN_POINTS_MAX * (SEEP_THEIL_SEN_POINTS_MAX - 1) / 2];
static double t[SEEP_THEIL_SEN_POINTS_MAX + 1];
static double y[SEEP_THEIL_SEN_POINTS_MAX + 1];

static void line(size_t n, double slope)
{
    for (size_t i = 0; i < n; i++) {
        t[i] = (double)i * 2;
        y[i] = 7 + slope * t[i];
    }
}

static void slope_of_a_flat_series_is_zero(void **state)
{
    struct seep_slope slope;

    (void)state;
    line(10, 0);
    assert_int_equal(seep_theil_sen(t, y, 10, scratch, &slope), 0);
    assert_true(slope.u_per_s == 0 && slope.low_u_per_s == 0 && slope.high_u_per_s == 0);
}

static void one_burst_does_not_tilt_the_slope(void **state)
{
    struct seep_slope slope;

    (void)state;
    line(51, 3);
    y[20] += 1e9;
    assert_int_equal(seep_theil_sen(t, y, 51, scratch, &slope), 0);
    assert_float_equal(slope.u_per_s, 3, 1e-9);
    assert_true(slope.low_u_per_s <= slope.u_per_s &&
                slope.u_per_s <= slope.high_u_per_s);
}

/* Even in [0, 1), the same each run. Source: Numerical Recipes' quick generator. */
static double noise(void)
{
    static uint32_t state = 1;

    state = state * 1664525 + 1013904223;
    return (double)(state >> 8) / 16777216;
}

static void the_interval_widens_with_noise(void **state)
{
    struct seep_slope quiet;
    struct seep_slope noisy;

    (void)state;
    line(40, 1);
    for (size_t i = 0; i < 40; i++) {
        y[i] += noise() - 0.5;
    }
    assert_int_equal(seep_theil_sen(t, y, 40, scratch, &quiet), 0);
    for (size_t i = 0; i < 40; i++) {
        y[i] += 40 * (noise() - 0.5);
    }
    assert_int_equal(seep_theil_sen(t, y, 40, scratch, &noisy), 0);
    assert_true(noisy.high_u_per_s - noisy.low_u_per_s >
                quiet.high_u_per_s - quiet.low_u_per_s);
    assert_true(noisy.low_u_per_s < 1 && noisy.high_u_per_s > 1);
}

/* Slopes of 0, 1, 4, 9.5 at 0, 1, 2, 3: 1, 2, 3, 3.17, 4.25, 5.5; of the first three: 1,
 * 2, 3. */
static void the_slope_is_the_median_also_of_an_even_number(void **state)
{
    const double at[] = {0, 1, 2, 3};
    const double squares[] = {0, 1, 4, 9.5};
    struct seep_slope slope;

    (void)state;
    assert_int_equal(seep_theil_sen(at, squares, 4, scratch, &slope), 0);
    assert_float_equal(slope.u_per_s, (3 + 9.5 / 3) / 2, 1e-12);
    assert_int_equal(seep_theil_sen(at, squares, 3, scratch, &slope), 0);
    assert_float_equal(slope.u_per_s, 2, 1e-12);
}

static void bad_input_is_refused_and_leaves_the_result(void **state)
{
    struct seep_slope slope = {.u_per_s = 42};

    (void)state;
    line(SEEP_THEIL_SEN_POINTS_MAX + 1, 1);
    assert_int_equal(seep_theil_sen(t, y, 1, scratch, &slope), -EINVAL);
    assert_int_equal(seep_theil_sen(t, y, SEEP_THEIL_SEN_POINTS_MAX + 1, scratch, &slope),
                     -EINVAL);
    t[3] = t[2];
    assert_int_equal(seep_theil_sen(t, y, 10, scratch, &slope), -EINVAL);
    assert_true(slope.u_per_s == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slope_of_a_flat_series_is_zero),
        cmocka_unit_test(one_burst_does_not_tilt_the_slope),
        cmocka_unit_test(the_interval_widens_with_noise),
        cmocka_unit_test(the_slope_is_the_median_also_of_an_even_number),
        cmocka_unit_test(bad_input_is_refused_and_leaves_the_result),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
