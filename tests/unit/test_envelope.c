/* The lower envelope.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/envelope.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void each_stretch_gives_its_smallest_value(void **state)
{
    const double y[] = {3, 1, 2, 9, 8, 7, 4, 5};
    double minima[4];

    (void)state;
    assert_int_equal(seep_envelope_minima(y, 8, 4, minima), 0);
    assert_true(minima[0] == 1 && minima[1] == 2 && minima[2] == 7 && minima[3] == 4);
}

static void a_steady_rise_stays_steady_when_stretches_differ(void **state)
{
    double y[40];
    double minima[12];
    double first = 0;
    double last = 0;

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        y[i] = (double)i;
    }
    assert_int_equal(seep_envelope_minima(y, 40, 12, minima), 0);
    first = minima[6] - minima[0];
    last = minima[11] - minima[5];
    assert_true(first - last <= 1 && last - first <= 1);
    assert_true(minima[0] == 0);
}

static void a_saw_tooth_becomes_flat(void **state)
{
    double y[120];
    double minima[12];

    (void)state;
    for (size_t i = 0; i < 120; i++) {
        y[i] = 50 + (double)(i % 10);
    }
    assert_int_equal(seep_envelope_minima(y, 120, 12, minima), 0);
    for (size_t i = 0; i < 12; i++) {
        assert_true(minima[i] == 50);
    }
}

static void more_stretches_than_values_are_refused(void **state)
{
    const double y[] = {1, 2};
    double minima[3] = {42, 42, 42};

    (void)state;
    assert_int_equal(seep_envelope_minima(y, 2, 3, minima), -EINVAL);
    assert_int_equal(seep_envelope_minima(y, 2, 0, minima), -EINVAL);
    assert_true(minima[0] == 42);
}

static void means_are_sums_in_the_order_of_time(void **state)
{
    double y[200];
    double means[40];

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        y[i] = 1.0 / (double)(i * 7 % 31 + 1); /* rounding shows the order */
    }
    for (size_t n = 40; n <= 200; n += 23) {
        for (size_t blocks = 1; blocks <= 40; blocks++) {
            assert_int_equal(seep_block_means(y, n, blocks, means), 0);
            for (size_t block = 0; block < blocks; block++) {
                size_t from = block * n / blocks;
                size_t to = (block + 1) * n / blocks;
                double sum = 0;

                for (size_t at = from; at < to; at++) {
                    sum += y[at];
                }
                assert_true(means[block] == sum / (double)(to - from));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stretch_gives_its_smallest_value),
        cmocka_unit_test(a_steady_rise_stays_steady_when_stretches_differ),
        cmocka_unit_test(a_saw_tooth_becomes_flat),
        cmocka_unit_test(more_stretches_than_values_are_refused),
        cmocka_unit_test(means_are_sums_in_the_order_of_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
