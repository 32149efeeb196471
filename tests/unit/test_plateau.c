/* Does the end still grow?
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/plateau.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_steady_rise_keeps_half_for_its_last_half(void **state)
{
    double minima[12];
    double scratch[12];
    struct seep_plateau plateau;

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        minima[i] = (double)i * 3;
    }
    assert_int_equal(seep_plateau(minima, 12, scratch, &plateau), 0);
    assert_true(plateau.rise == 33);
    assert_float_equal(plateau.end_share, 6.0 / 11, 1e-9);
    assert_true(plateau.p_decelerating > 0.4);
}

static void what_stops_has_no_share_at_its_end(void **state)
{
    const double minima[] = {0, 10, 20, 30, 30, 30, 30, 30, 30, 30};
    double scratch[10];
    struct seep_plateau plateau;

    (void)state;
    assert_int_equal(seep_plateau(minima, 10, scratch, &plateau), 0);
    assert_true(plateau.end_share == 0);
}

static void an_exponential_approach_is_seen_to_slow_down(void **state)
{
    double minima[12];
    double scratch[12];
    struct seep_plateau plateau;

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        minima[i] = 1 - exp(-(double)i / 12);
    }
    assert_int_equal(seep_plateau(minima, 12, scratch, &plateau), 0);
    assert_true(plateau.end_share > 0.25);
    assert_true(plateau.p_decelerating < 0.001);
}

static void four_values_are_too_few(void **state)
{
    const double minima[] = {1, 2, 3, 4};
    double scratch[4];
    struct seep_plateau plateau = {.rise = 42};

    (void)state;
    assert_int_equal(seep_plateau(minima, 4, scratch, &plateau), -EINVAL);
    assert_true(plateau.rise == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_rise_keeps_half_for_its_last_half),
        cmocka_unit_test(what_stops_has_no_share_at_its_end),
        cmocka_unit_test(an_exponential_approach_is_seen_to_slow_down),
        cmocka_unit_test(four_values_are_too_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
