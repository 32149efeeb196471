/* Comparisons counted by vectors are those counted one by one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/pair_count.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST = 41 };

/* Few values, so that many are equal; of n values and whatever lies behind them. */
static void fill(double *y, uint64_t seed)
{
    static const double values[] = {-INFINITY, -1, -0.0, 0.0, 0.5, 1, 1e300};

    for (size_t i = 0; i < MOST; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        y[i] = values[(seed >> 33) % 7];
    }
}

static void values_are_compared_one_by_one_whatever_their_number(void **state)
{
    double y[MOST];

    (void)state;
    for (size_t n = 0; n < MOST; n++) {
        fill(y, n);
        for (size_t k = 0; k < MOST; k++) {
            int64_t equal = 0;
            int64_t more = 0;

            for (size_t i = 0; i < n; i++) {
                equal += y[i] == y[k];
                more += (y[i] > y[k]) - (y[i] < y[k]);
            }
            assert_int_equal(seep_count_equal(y, n, y[k]), equal);
            assert_int_equal(seep_count_above_less_below(y, n, y[k]), more);
        }
    }
}

static void steps_are_counted_one_by_one_whatever_their_number(void **state)
{
    double y[MOST];

    (void)state;
    for (size_t n = 0; n < MOST; n++) {
        size_t ups = 0;
        size_t downs = 0;
        size_t up = 7;
        size_t down = 7;

        fill(y, n);
        for (size_t i = 1; i < n; i++) {
            ups += y[i] > y[i - 1];
            downs += y[i] < y[i - 1];
        }
        seep_count_steps(y, n, &up, &down);
        assert_int_equal(up, ups);
        assert_int_equal(down, downs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_compared_one_by_one_whatever_their_number),
        cmocka_unit_test(steps_are_counted_one_by_one_whatever_their_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
