/* Error of a slope: closed forms, and coverage of its range.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/slope_error.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "simulated_random.h"

enum { LENGTH = 60, RUNS = 1000 };

static double times[LENGTH];
static double scratch[LENGTH * (LENGTH - 1) / 2];

static struct seep_slope slope_of(const double *y)
{
    struct seep_slope slope;

    for (size_t i = 0; i < LENGTH; i++) {
        times[i] = (double)i;
    }
    assert_int_equal(seep_theil_sen(times, y, LENGTH, scratch, &slope), 0);
    assert_int_equal(seep_slope_error(times, y, LENGTH, &slope), 0);
    return slope;
}

static void clockwork_has_no_error(void **state)
{
    double line[LENGTH];
    double now_and_then[LENGTH];

    (void)state;
    for (size_t i = 0; i < LENGTH; i++) {
        line[i] = 3 + 2 * (double)i;
        now_and_then[i] = (double)(i / 7);
    }
    struct seep_slope slope = slope_of(line);

    assert_float_equal(slope.u_per_s, 2, 1e-9);
    assert_float_equal(slope.error_u_per_s, 0, 1e-9);
    assert_float_equal(slope.high_u_per_s - slope.low_u_per_s, 0, 1e-8);
    assert_float_equal(slope_of(now_and_then).error_u_per_s, 0, 1e-9);
}

/* Variance of a Poisson count is its mean: 0.25/s has a way of 0.25 per second, and the
 * rate an error of sqrt(1.2 * 0.25 / 59). */
static void arrivals_by_chance_have_the_error_of_poisson(void **state)
{
    struct simulated_random random = {20261133};
    double walk = 0;
    double squares = 0;

    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        double y[LENGTH] = {0};

        for (size_t i = 1; i < LENGTH; i++) {
            y[i] = y[i - 1] + simulated_poisson(&random, 0.25);
        }
        struct seep_slope slope = slope_of(y);

        walk += slope.walk_u2_per_s / RUNS;
        squares += slope.error_u_per_s * slope.error_u_per_s / RUNS;
    }
    assert_float_equal(walk, 0.25, 0.04);
    assert_float_equal(sqrt(squares), sqrt(1.2 * 0.25 / (LENGTH - 1)), 0.007);
}

/* 5 % of the runs of white noise and of AR1 0.7 may lie outside; Kendall's own range lets
 * a third of the latter escape. */
static void the_range_holds_the_slope_also_where_the_series_remembers(void **state)
{
    const double phis[] = {0, 0.7};
    struct simulated_random random = {20261134};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        unsigned inside = 0;
        unsigned inside_kendall = 0;

        for (unsigned run = 0; run < RUNS; run++) {
            double y[LENGTH];
            double noise = simulated_normal(&random);
            struct seep_slope plain;

            for (size_t i = 0; i < LENGTH; i++) {
                noise = phis[k] * noise +
                        sqrt(1 - phis[k] * phis[k]) * simulated_normal(&random);
                y[i] = 0.05 * (double)i + noise;
            }
            struct seep_slope slope = slope_of(y);

            assert_int_equal(seep_theil_sen(times, y, LENGTH, scratch, &plain), 0);
            inside += slope.low_u_per_s <= 0.05 && slope.high_u_per_s >= 0.05;
            inside_kendall += plain.low_u_per_s <= 0.05 && plain.high_u_per_s >= 0.05;
        }
        assert_in_range(inside, RUNS * 0.925, RUNS * 0.98);
        assert_true(k == 0 || inside_kendall < RUNS * 0.75);
    }
}

static void eleven_values_are_too_few(void **state)
{
    const double y[11] = {0};
    struct seep_slope slope = {.u_per_s = 42};

    (void)state;
    assert_int_equal(seep_slope_error(times, y, 11, &slope), -EINVAL);
    assert_true(slope.u_per_s == 42 && slope.freedom == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clockwork_has_no_error),
        cmocka_unit_test(arrivals_by_chance_have_the_error_of_poisson),
        cmocka_unit_test(the_range_holds_the_slope_also_where_the_series_remembers),
        cmocka_unit_test(eleven_values_are_too_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
