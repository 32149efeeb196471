/* Forecasts.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/forecast.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_limit_is_reached_after_the_rest_over_the_slope(void **state)
{
    struct seep_forecast_time time;

    (void)state;
    assert_int_equal(seep_forecast(40, 100, (struct seep_slope){.u_per_s = 2}, &time), 0);
    assert_true(time.s == 30 && time.low_s == 30 && time.high_s == 30);
}

static void a_slope_that_may_be_flat_has_no_upper_end(void **state)
{
    struct seep_forecast_time time;

    (void)state;
    assert_int_equal(seep_forecast(40, 100,
                                   (struct seep_slope){
                                       .u_per_s = 2, .error_u_per_s = 1.2, .freedom = 10},
                                   &time),
                     0);
    assert_true(isinf(time.high_s) && time.high_s > 0);
}

static void beyond_the_limit_is_now(void **state)
{
    struct seep_forecast_time time;

    (void)state;
    assert_int_equal(seep_forecast(140, 100, (struct seep_slope){.u_per_s = 2}, &time),
                     0);
    assert_true(time.s == 0);
}

static void what_does_not_rise_reaches_nothing(void **state)
{
    struct seep_forecast_time time = {.s = 42};

    (void)state;
    assert_int_equal(seep_forecast(1, 2, (struct seep_slope){0}, &time), -ERANGE);
    assert_int_equal(seep_forecast(1, 2, (struct seep_slope){.u_per_s = -1}, &time),
                     -ERANGE);
    assert_true(time.s == 42);
}

/* Of the slope alone: left / (u + q e) and left / (u - q e), q the 5 % point of t(10). */
static void the_ends_lie_at_the_ends_of_the_slope(void **state)
{
    const struct seep_slope slope = {.u_per_s = 2, .error_u_per_s = 0.5, .freedom = 10};
    const double q = 1.812461;
    struct seep_forecast_time time;

    (void)state;
    assert_int_equal(seep_forecast(40, 100, slope, &time), 0);
    assert_float_equal(time.low_s, 60 / (2 + q * 0.5), 1e-3);
    assert_float_equal(time.high_s, 60 / (2 - q * 0.5), 1e-3);
}

/* Of the level alone: (left -+ q l) / u; of the way alone: u t + q sqrt(w t) = left. */
static void the_level_and_the_way_widen_it(void **state)
{
    const double q = 1.812461;
    struct seep_slope slope = {.u_per_s = 2, .level_u = 10, .freedom = 10};
    struct seep_forecast_time time;

    (void)state;
    assert_int_equal(seep_forecast(40, 100, slope, &time), 0);
    assert_float_equal(time.low_s, (60 - q * 10) / 2, 1e-3);
    assert_float_equal(time.high_s, (60 + q * 10) / 2, 1e-3);
    slope.level_u = 0;
    slope.walk_u2_per_s = 3;
    assert_int_equal(seep_forecast(40, 100, slope, &time), 0);
    assert_float_equal(2 * time.low_s + q * sqrt(3 * time.low_s), 60, 1e-3);
    assert_float_equal(2 * time.high_s - q * sqrt(3 * time.high_s), 60, 1e-3);
    slope.walk_u2_per_s = 0;
    slope.level_u = 40; /* it may be there already */
    assert_int_equal(seep_forecast(40, 100, slope, &time), 0);
    assert_true(time.low_s == 0 && time.high_s > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_reached_after_the_rest_over_the_slope),
        cmocka_unit_test(a_slope_that_may_be_flat_has_no_upper_end),
        cmocka_unit_test(the_ends_lie_at_the_ends_of_the_slope),
        cmocka_unit_test(the_level_and_the_way_widen_it),
        cmocka_unit_test(beyond_the_limit_is_now),
        cmocka_unit_test(what_does_not_rise_reaches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
