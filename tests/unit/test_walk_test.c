/* Drift against a random walk.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/walk_test.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulated_random.h"

enum { RUNS = 4000, LENGTH = 240 };

static void a_line_is_certain_and_a_flat_or_falling_one_is_nothing(void **state)
{
    double up[LENGTH];
    double down[LENGTH];
    const double flat[LENGTH] = {0};

    (void)state;
    for (size_t i = 0; i < LENGTH; i++) {
        up[i] = (double)i / 3;
        down[i] = -up[i];
    }
    assert_true(seep_walk_test(up, LENGTH).p_rising < 1e-12);
    assert_true(seep_walk_test(flat, LENGTH).t == 0);
    assert_true(seep_walk_test(flat, LENGTH).p_rising == 1);
    assert_true(seep_walk_test(down, LENGTH).p_rising > 0.999);
    assert_true(seep_walk_test(up, SEEP_WALK_BLOCKS - 1).p_rising == 1);
}

/* By hand: 12 values are their own means; steps 0 and 2 in turn, six of 2 and five of 0:
 * mean 12/11, sum of squares about it 24 - 144/11 = 120/11, deviation of the mean
 * sqrt(120/11/10/11), t = 12/11 / 0.31492 = 3.4641; widened by sqrt(16/11 * 10/(11 -
 * 16/11)) = 1.23443. */
static void twelve_values_give_the_t_worked_by_hand(void **state)
{
    const double y[12] = {0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12};

    (void)state;
    assert_float_equal(seep_walk_test(y, 12).t, 3.4641016 / 1.2344268, 1e-5);
}

/* The promise: p is what it says on a walk without drift. */
static void a_driftless_walk_is_flagged_as_often_as_the_level_says(void **state)
{
    struct simulated_random random = {20261128};
    unsigned at_5 = 0;
    unsigned at_1 = 0;

    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        double y[LENGTH] = {0};

        for (size_t i = 1; i < LENGTH; i++) {
            y[i] = y[i - 1] + simulated_normal(&random);
        }
        double p = seep_walk_test(y, LENGTH).p_rising;

        at_5 += p <= 0.05;
        at_1 += p <= 0.01;
    }
    /* three deviations of a binomial: 5 % +- 1.03 %, 1 % +- 0.47 %; the tail of t is a
     * little heavier than its table, since neighbouring steps depend on each other */
    assert_in_range(at_5, RUNS * 0.040, RUNS * 0.065);
    assert_in_range(at_1, RUNS * 0.005, RUNS * 0.018);
}

static void noise_around_a_level_is_flagged_hardly_ever(void **state)
{
    struct simulated_random random = {20261129};
    unsigned flagged = 0;

    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        double y[LENGTH];

        for (size_t i = 0; i < LENGTH; i++) {
            y[i] = (i > 0 ? 0.7 * y[i - 1] : 0) + simulated_normal(&random);
        }
        flagged += seep_walk_test(y, LENGTH).p_rising <= 0.05;
    }
    assert_in_range(flagged, 0, RUNS / 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_certain_and_a_flat_or_falling_one_is_nothing),
        cmocka_unit_test(twelve_values_give_the_t_worked_by_hand),
        cmocka_unit_test(a_driftless_walk_is_flagged_as_often_as_the_level_says),
        cmocka_unit_test(noise_around_a_level_is_flagged_hardly_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
