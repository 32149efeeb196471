/* Two-phase regression.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/change_point.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulated_random.h"

enum { LENGTH = 60 };

static void a_knee_is_found_with_both_slopes(void **state)
{
    double y[LENGTH];

    (void)state;
    for (size_t knee = 5; knee < LENGTH - 5; knee++) {
        for (size_t i = 0; i < LENGTH; i++) {
            y[i] = 7 + (i < knee ? 3 * (double)i
                                 : 3 * (double)knee + 0.5 * (double)(i - knee));
        }
        struct seep_change_point point = seep_change_point(y, LENGTH);

        assert_true(point.found);
        assert_int_equal(point.at, knee);
        assert_float_equal(point.before, 3, 1e-9);
        assert_float_equal(point.after, 0.5, 1e-9);
    }
}

static void a_line_and_a_flat_series_have_none(void **state)
{
    double y[LENGTH];
    const double flat[LENGTH] = {0};

    (void)state;
    for (size_t i = 0; i < LENGTH; i++) {
        y[i] = 1e6 + 2 * (double)i;
    }
    struct seep_change_point point = seep_change_point(y, LENGTH);

    assert_false(point.found);
    assert_int_equal(point.at, 0);
    assert_float_equal(point.before, 2, 1e-9);
    assert_float_equal(point.after, 2, 1e-9);
    assert_false(seep_change_point(flat, LENGTH).found);
    assert_false(seep_change_point(y, 7).found);
}

/* Schwarz's criterion with a place to choose flags noise now and then, not as a rule. */
static void noise_around_a_line_has_none_as_a_rule(void **state)
{
    struct simulated_random random = {20261131};
    unsigned found = 0;

    (void)state;
    for (unsigned run = 0; run < 1000; run++) {
        double y[LENGTH];

        for (size_t i = 0; i < LENGTH; i++) {
            y[i] = 0.1 * (double)i + simulated_normal(&random);
        }
        found += seep_change_point(y, LENGTH).found;
    }
    assert_in_range(found, 0, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_knee_is_found_with_both_slopes),
        cmocka_unit_test(a_line_and_a_flat_series_have_none),
        cmocka_unit_test(noise_around_a_line_has_none_as_a_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
