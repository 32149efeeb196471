/* What moves together, and what only rises at the same time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/together.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { POINTS = 60, SEEDS = 200 };

/* Chances of a leak each second, 0.5 but in every other stretch of ten seconds less. */
static double chance(size_t i)
{
    return i / 10 % 2 == 0 ? 0.5 : 0.2;
}

static void what_is_acquired_in_one_go_is_together(void **state)
{
    (void)state;
    for (unsigned number = 0; number < SEEDS; number++) {
        unsigned short seed[3] = {(unsigned short)number, 1, 2};
        double a[POINTS] = {0};
        double b[POINTS] = {0};

        for (size_t i = 1; i < POINTS; i++) {
            bool leaks = erand48(seed) < chance(i);
            bool late = erand48(seed) < 0.02; /* seen in the next snapshot */

            a[i] = a[i - 1] + leaks;
            b[i] = b[i - 1] + (leaks && !late ? 3 : 0);
        }
        assert_true(seep_together(a, b, POINTS));
        assert_true(seep_together(b, a, POINTS));
    }
}

static void strangers_under_one_load_are_not(void **state)
{
    (void)state;
    for (unsigned number = 0; number < SEEDS; number++) {
        unsigned short seed[3] = {(unsigned short)number, 1, 2};
        double a[POINTS] = {0};
        double b[POINTS] = {0};

        for (size_t i = 1; i < POINTS; i++) {
            a[i] = a[i - 1] + (erand48(seed) < chance(i));
            b[i] = b[i - 1] + (erand48(seed) < chance(i));
        }
        assert_false(seep_together(a, b, POINTS));
    }
}

static void regular_series_must_rise_by_the_same(void **state)
{
    double a[POINTS];
    double b[POINTS];
    double c[POINTS];

    (void)state;
    for (size_t i = 0; i < POINTS; i++) {
        a[i] = 2 * (double)i;
        b[i] = 7 + 2.1 * (double)i;
        c[i] = 3 * (double)i;
    }
    assert_true(seep_together(a, b, POINTS));
    assert_false(seep_together(a, c, POINTS));
    c[POINTS / 2] += 1;
    assert_false(seep_together(a, c, POINTS)); /* one is regular, one is not */
    assert_false(seep_together(a, b, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_acquired_in_one_go_is_together),
        cmocka_unit_test(strangers_under_one_load_are_not),
        cmocka_unit_test(regular_series_must_rise_by_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
