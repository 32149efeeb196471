/* Mann-Kendall: direction, ties, and a worked example.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/mann_kendall.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* By hand: s = 13 of 15 pairs; variance 6*5*17/18 = 28.33; z = 12 / 5.323. */
static void six_values_give_the_s_and_z_worked_by_hand(void **state)
{
    const double y[] = {1, 2, 4, 3, 5, 6};
    struct seep_mann_kendall test;

    (void)state;
    assert_int_equal(seep_mann_kendall(y, 6, &test), 0);
    assert_true(test.s == 13);
    assert_float_equal(seep_kendall_variance(y, 6), 28.3333, 1e-3);
    assert_float_equal(test.z, 2.2544, 1e-3);
    assert_float_equal(test.p_rising, 0.01209, 1e-4);
}

/* Ties of 2 and 3: 7*6*19 - 2*1*9 - 3*2*11 = 714; / 18. */
static void ties_shrink_the_variance(void **state)
{
    const double y[] = {1, 2, 2, 3, 3, 3, 4};

    (void)state;
    assert_float_equal(seep_kendall_variance(y, 7), 714.0 / 18, 1e-9);
}

static void equal_values_have_no_trend(void **state)
{
    const double y[] = {5, 5, 5, 5};
    struct seep_mann_kendall test;

    (void)state;
    assert_int_equal(seep_mann_kendall(y, 4, &test), 0);
    assert_true(test.z == 0 && test.p_rising == 1 && test.p_falling == 1);
}

static void a_fall_is_the_mirror_of_a_rise(void **state)
{
    const double up[] = {1, 2, 3, 4, 5, 6, 7};
    const double down[] = {7, 6, 5, 4, 3, 2, 1};
    struct seep_mann_kendall a;
    struct seep_mann_kendall b;

    (void)state;
    assert_int_equal(seep_mann_kendall(up, 7, &a), 0);
    assert_int_equal(seep_mann_kendall(down, 7, &b), 0);
    assert_float_equal(a.p_rising, b.p_falling, 1e-12);
    assert_true(a.p_rising < 0.01 && b.p_rising > 0.99);
}

static void two_values_are_too_few(void **state)
{
    const double y[] = {1, 2};
    struct seep_mann_kendall test = {.s = 42};

    (void)state;
    assert_int_equal(seep_mann_kendall(y, 2, &test), -EINVAL);
    assert_true(test.s == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(six_values_give_the_s_and_z_worked_by_hand),
        cmocka_unit_test(ties_shrink_the_variance),
        cmocka_unit_test(equal_values_have_no_trend),
        cmocka_unit_test(a_fall_is_the_mirror_of_a_rise),
        cmocka_unit_test(two_values_are_too_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
