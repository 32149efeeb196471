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
    assert_int_equal(seep_forecast(40, 100, (struct seep_slope){2, 1, 3}, &time), 0);
    assert_true(time.s == 30 && time.low_s == 20 && time.high_s == 60);
}

static void a_slope_that_may_be_flat_has_no_upper_end(void **state)
{
    struct seep_forecast_time time;

    (void)state;
    assert_int_equal(seep_forecast(40, 100, (struct seep_slope){2, -1, 3}, &time), 0);
    assert_true(isinf(time.high_s) && time.high_s > 0);
}

static void beyond_the_limit_is_now(void **state)
{
    struct seep_forecast_time time;

    (void)state;
    assert_int_equal(seep_forecast(140, 100, (struct seep_slope){2, 1, 3}, &time), 0);
    assert_true(time.s == 0);
}

static void what_does_not_rise_reaches_nothing(void **state)
{
    struct seep_forecast_time time = {.s = 42};

    (void)state;
    assert_int_equal(seep_forecast(1, 2, (struct seep_slope){0, 0, 0}, &time), -ERANGE);
    assert_int_equal(seep_forecast(1, 2, (struct seep_slope){-1, -2, 0}, &time), -ERANGE);
    assert_true(time.s == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_reached_after_the_rest_over_the_slope),
        cmocka_unit_test(a_slope_that_may_be_flat_has_no_upper_end),
        cmocka_unit_test(beyond_the_limit_is_now),
        cmocka_unit_test(what_does_not_rise_reaches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
