/* SPDX-License-Identifier: MIT */
#include "trend/fisher.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double a, double b)
{
    assert_true(fabs(a - b) <= 1e-10 * fmax(1, fabs(b)));
}

/* The lady tasting tea: 8 cups, 4 with milk first, all four named: 1 of 70; three or
 * more: 17 of 70. */
static void the_lady_tasting_tea(void **state)
{
    (void)state;
    assert_near(seep_fisher_greater(&(struct seep_two_groups){4, 4, 0, 4}), 1.0 / 70);
    assert_near(seep_fisher_greater(&(struct seep_two_groups){3, 4, 1, 4}), 17.0 / 70);
}

static void all_of_one_group_has_one_way_of_many(void **state)
{
    (void)state;
    /* 1 / choose(10, 3) = 1 / 120 */
    assert_near(seep_fisher_greater(&(struct seep_two_groups){3, 3, 0, 7}), 1.0 / 120);
}

static void nothing_marked_and_all_marked_say_nothing(void **state)
{
    (void)state;
    assert_near(seep_fisher_greater(&(struct seep_two_groups){0, 5, 0, 5}), 1);
    assert_near(seep_fisher_greater(&(struct seep_two_groups){0, 5, 3, 5}), 1);
    assert_near(seep_fisher_greater(&(struct seep_two_groups){5, 5, 5, 5}), 1);
    assert_near(seep_fisher_greater(&(struct seep_two_groups){0, 0, 3, 5}), 1);
}

static void a_large_fleet_neither_overflows_nor_becomes_zero(void **state)
{
    double p = seep_fisher_greater(&(struct seep_two_groups){40, 40, 1, 960});

    (void)state;
    assert_true(p > 0 && p < 1e-60);
    assert_true(seep_fisher_greater(&(struct seep_two_groups){50, 50000, 50, 50000}) >
                0.4);
}

static void tails_of_coins_are_those_of_pascal(void **state)
{
    (void)state;
    assert_near(seep_binomial_tail(0, 4, 0.5), 1);
    assert_near(seep_binomial_tail(1, 4, 0.5), 15.0 / 16);
    assert_near(seep_binomial_tail(3, 4, 0.5), 5.0 / 16);
    assert_near(seep_binomial_tail(4, 4, 0.5), 1.0 / 16);
    assert_near(seep_binomial_tail(5, 4, 0.5), 0);
    assert_near(seep_binomial_tail(1, 4, 0), 0);
    assert_near(seep_binomial_tail(4, 4, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lady_tasting_tea),
        cmocka_unit_test(all_of_one_group_has_one_way_of_many),
        cmocka_unit_test(nothing_marked_and_all_marked_say_nothing),
        cmocka_unit_test(a_large_fleet_neither_overflows_nor_becomes_zero),
        cmocka_unit_test(tails_of_coins_are_those_of_pascal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
