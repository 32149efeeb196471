/* Survival by age.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/survival.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* One generation of age 5 s, held 10 s: each lives with exp(-1/2), one of three with 1 -
 * (1 - exp(-1/2))^3. */
static void one_generation_has_its_closed_form(void **state)
{
    double dies = 1 - exp(-0.5);

    (void)state;
    assert_float_equal(seep_survival_expected(10, 1, 10, 1), 1 - dies, 1e-12);
    assert_float_equal(seep_survival_expected(10, 3, 10, 1), 1 - dies * dies * dies,
                       1e-12);
}

static void what_is_held_for_a_moment_leaves_nothing_old(void **state)
{
    (void)state;
    assert_true(seep_survival_expected(0, 1000, 8, 25) == 0);
    /* 400 in 8 s, held 1 s: of the youngest generation 1 - (1 - exp(-4))^400, hardly any
     * of the next */
    assert_float_equal(seep_survival_expected(1, 400, 8, 25), 1.0, 0.01);
}

static void what_is_held_for_ever_leaves_all(void **state)
{
    (void)state;
    assert_float_equal(seep_survival_expected(1e9, 5, 8, 25), 25, 1e-3);
    assert_true(seep_survival_expected(10, 0, 8, 25) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_generation_has_its_closed_form),
        cmocka_unit_test(what_is_held_for_a_moment_leaves_nothing_old),
        cmocka_unit_test(what_is_held_for_ever_leaves_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
