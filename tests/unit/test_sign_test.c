/* Tests on steps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/sign_test.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void eight_steps_up_have_a_chance_of_two_to_the_minus_eight(void **state)
{
    const double y[] = {0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8};
    struct seep_sign_test test = seep_sign_test(y, 11);

    (void)state;
    assert_int_equal(test.ups, 8);
    assert_int_equal(test.downs, 0);
    assert_float_equal(test.p_rising, 1.0 / 256, 1e-9);
}

static void as_many_ups_as_downs_prove_nothing(void **state)
{
    const double y[] = {0, 1, 0, 1, 0, 1, 0};

    (void)state;
    assert_true(seep_sign_test(y, 7).p_rising > 0.5);
}

static void nothing_moving_is_certain_under_the_null(void **state)
{
    const double y[] = {4, 4, 4};

    (void)state;
    assert_true(seep_sign_test(y, 3).p_rising == 1);
    assert_true(seep_sign_test(y, 0).p_rising == 1);
}

static void thousands_of_steps_do_not_overflow(void **state)
{
    static double y[4096];

    (void)state;
    for (size_t i = 0; i < 4096; i++) {
        y[i] = (double)(i % 2) + (double)i / 1000;
    }
    assert_true(seep_sign_test(y, 4096).p_rising > 0.4);
    for (size_t i = 0; i < 4096; i++) {
        y[i] = (double)i;
    }
    assert_true(seep_sign_test(y, 4096).p_rising < 1e-300);
}

/* Against Pascal's triangle, in whole numbers: 2^62 ways at most. */
static void the_tail_is_counted_exactly(void **state)
{
    static uint64_t ways[63][64];
    static double y[64];

    (void)state;
    for (size_t n = 0; n < 63; n++) {
        ways[n][0] = 1;
        for (size_t k = 1; k <= n; k++) {
            ways[n][k] = ways[n - 1][k - 1] + ways[n - 1][k];
        }
    }
    for (size_t n = 1; n < 63; n++) {
        for (size_t ups = 1; ups <= n; ups++) {
            double exact = 0;

            for (size_t k = n; k >= ups; k--) {
                exact += (double)ways[n][k];
            }
            exact /= (double)(UINT64_C(1) << n);
            for (size_t i = 0; i <= n; i++) {
                y[i] = i <= ups ? (double)i : (double)(2 * ups) - (double)i;
            }
            assert_true(fabs(seep_sign_test(y, n + 1).p_rising / exact - 1) < 1e-12);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tail_is_counted_exactly),
        cmocka_unit_test(eight_steps_up_have_a_chance_of_two_to_the_minus_eight),
        cmocka_unit_test(as_many_ups_as_downs_prove_nothing),
        cmocka_unit_test(nothing_moving_is_certain_under_the_null),
        cmocka_unit_test(thousands_of_steps_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
