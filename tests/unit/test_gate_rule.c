/* The rule of the gate: what is worse than a history.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/gate_rule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void without_values_nothing_is_worse(void **state)
{
    struct seep_gate_bound bound = seep_gate_rule(NULL, 0);

    (void)state;
    assert_int_equal(bound.used, 0);
    assert_true(isinf(bound.bound));
    assert_true(isnan(bound.typical));
}

static void two_runs_are_compared_by_hand(void **state)
{
    struct seep_gate_bound bound = seep_gate_rule((double[]){100, 200}, 2);

    (void)state;
    assert_true(bound.by_hand);
    assert_float_equal(bound.bound, 300, 1e-9);
}

static void equal_runs_let_a_tenth_more_through(void **state)
{
    struct seep_gate_bound bound = seep_gate_rule((double[]){100, 100, 100}, 3);

    (void)state;
    assert_false(bound.by_hand);
    assert_float_equal(bound.typical, 100, 1e-6);
    assert_float_equal(bound.bound, 110, 1e-6);
}

/* By hand: logarithms 0, 1, 2: mean 1, s 1; t(2, 0.01) = 6.9646; sqrt(4/3) = 1.1547. */
static void the_bound_is_the_prediction_limit_of_the_logarithms(void **state)
{
    struct seep_gate_bound bound = seep_gate_rule((double[]){1, exp(1), exp(2)}, 3);

    (void)state;
    assert_float_equal(log(bound.bound), 1 + 6.9646 * 1.1547, 0.01);
}

static void more_runs_make_the_bound_tighter(void **state)
{
    const double values[] = {90, 110, 95, 105, 90, 110, 95, 105, 90, 110};

    (void)state;
    assert_true(seep_gate_rule(values, 10).bound < seep_gate_rule(values, 3).bound);
}

static void what_is_no_growth_is_left_out(void **state)
{
    struct seep_gate_bound bound =
        seep_gate_rule((double[]){NAN, 100, -5, 0, INFINITY}, 5);

    (void)state;
    assert_int_equal(bound.used, 1);
    assert_float_equal(bound.bound, 150, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_values_nothing_is_worse),
        cmocka_unit_test(two_runs_are_compared_by_hand),
        cmocka_unit_test(equal_runs_let_a_tenth_more_through),
        cmocka_unit_test(the_bound_is_the_prediction_limit_of_the_logarithms),
        cmocka_unit_test(more_runs_make_the_bound_tighter),
        cmocka_unit_test(what_is_no_growth_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
