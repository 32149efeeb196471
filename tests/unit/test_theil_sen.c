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
#include <stdlib.h>

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

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y_value = *(const double *)b;

    return (x > y_value) - (x < y_value);
}

/* Against all slopes sorted: the published definition, with the C library's sort. Few
 * distinct values, so that most slopes are equal to others. */
static void the_slope_is_the_middle_of_all_slopes_sorted(void **state)
{
    static double all[SEEP_THEIL_SEN_POINTS_MAX * (SEEP_THEIL_SEN_POINTS_MAX - 1) / 2];
    struct seep_slope slope;

    (void)state;
    for (size_t n = 2; n < 120; n++) {
        size_t pairs = 0;

        line(n, 0.1);
        for (size_t i = 0; i < n; i++) {
            y[i] = (double)(int)(y[i] + (n % 2 + 1.0) * 8 * noise());
        }
        for (size_t i = 0; i < n; i++) {
            for (size_t j = i + 1; j < n; j++) {
                all[pairs++] = (y[j] - y[i]) / (t[j] - t[i]);
            }
        }
        qsort(all, pairs, sizeof(*all), by_value);
        assert_int_equal(seep_theil_sen(t, y, n, scratch, &slope), 0);
        assert_true(slope.u_per_s == (pairs % 2 != 0
                                          ? all[pairs / 2]
                                          : (all[pairs / 2 - 1] + all[pairs / 2]) / 2));
        assert_non_null(bsearch(&slope.low_u_per_s, all, pairs, sizeof(*all), by_value));
        assert_non_null(bsearch(&slope.high_u_per_s, all, pairs, sizeof(*all), by_value));
        assert_true(slope.low_u_per_s <= slope.u_per_s &&
                    slope.u_per_s <= slope.high_u_per_s);
    }
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
        cmocka_unit_test(the_slope_is_the_middle_of_all_slopes_sorted),
        cmocka_unit_test(bad_input_is_refused_and_leaves_the_result),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
