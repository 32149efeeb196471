/* Steps that grow with what they add to.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/staircase.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { RUN_S = 120 };

/* A table filled at a steady rate until `full_s`, enlarged by `factor` when it is full.
 */
static struct seep_staircase table(double factor, double full_s)
{
    double t[RUN_S];
    double y[RUN_S];
    double room = 100;

    for (size_t i = 0; i < RUN_S; i++) {
        t[i] = (double)i + 0.5;
        while (room < 1000 * fmin(t[i], full_s)) {
            room *= factor;
        }
        y[i] = room;
    }
    return seep_staircase_measure(t, y, RUN_S, RUN_S / 3);
}

static void a_table_without_end_keeps_the_pace_of_the_run(void **state)
{
    static const double factors[] = {1.25, 1.5, 2};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct seep_staircase stairs = table(factors[i], RUN_S);

        assert_true(stairs.ups >= 6);
        assert_int_equal(stairs.downs, 0);
        assert_true(stairs.window_ups >= 1);
        assert_true(stairs.pace >= 1 / factors[i] && stairs.pace <= factors[i]);
        assert_false(stairs.overdue);
    }
}

static void a_table_that_is_full_misses_its_next_step(void **state)
{
    (void)state;
    assert_true(table(1.25, 60).overdue);
    assert_true(table(2, 40).overdue);
    assert_int_equal(table(2, 40).window_ups, 0);
}

static void what_begins_at_zero_or_never_moves_has_no_steps(void **state)
{
    const double t[] = {1, 2, 3, 4};
    const double once[] = {0, 8, 8, 8};
    const double falls[] = {8, 8, 4, 8};
    struct seep_staircase stairs = seep_staircase_measure(t, once, 4, 1);

    (void)state;
    assert_int_equal(stairs.ups, 0);
    assert_true(stairs.overdue);
    stairs = seep_staircase_measure(t, falls, 4, 1);
    assert_int_equal(stairs.downs, 1);
    assert_int_equal(stairs.ups, 1);
    assert_true(stairs.pace == 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_without_end_keeps_the_pace_of_the_run),
        cmocka_unit_test(a_table_that_is_full_misses_its_next_step),
        cmocka_unit_test(what_begins_at_zero_or_never_moves_has_no_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
