/* Mann-Kendall corrected for autocorrelation.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/hamed_rao.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulated_random.h"

enum { RUNS = 1000, LENGTH = 96, LONG = 4000 };

/* By hand: 1 + 2/(5*4*3) * 4*3*2 * 0.4. */
static void one_lag_inflates_as_the_equation_says(void **state)
{
    const double rho[] = {0.4};

    (void)state;
    assert_float_equal(seep_hamed_rao_inflation(rho, 1, 5), 1.32, 1e-12);
    assert_true(seep_hamed_rao_inflation(rho, 0, 5) == 1);
}

/* Of a long series with rho = phi^lag the sum is geometric: (1 + phi)/(1 - phi), the
 * factor of a mean of AR(1) (Bayley and Hammersley 1946). */
static void a_long_autoregression_inflates_by_its_closed_form(void **state)
{
    const double phis[] = {0.3, 0.7, 0.9};
    static double rho[LONG];

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        for (size_t lag = 1; lag < LONG - 3; lag++) {
            rho[lag - 1] = pow(phis[k], (double)lag);
        }
        double expected = (1 + phis[k]) / (1 - phis[k]);

        assert_float_equal(seep_hamed_rao_inflation(rho, LONG - 4, LONG), expected,
                           0.01 * expected);
    }
}

static void a_series_that_swings_back_is_not_taken_to_know_more(void **state)
{
    const double rho[] = {-0.5};

    (void)state;
    assert_true(seep_hamed_rao_inflation(rho, 1, 50) == 1);
}

/* Ranks less their mean -1.5, 0.5, -0.5, 1.5: products -0.75 - 0.25 - 0.75 over 5. */
static void ranks_correlate_as_worked_by_hand(void **state)
{
    const double y[] = {1, 30, 2, 700};
    const double equal[] = {4, 4, 4, 4};
    double rho[2];

    (void)state;
    seep_rank_autocorrelation(y, 4, 2, rho);
    assert_float_equal(rho[0], -1.75 / 5, 1e-12);
    assert_float_equal(rho[1], (0.75 + 0.75) / 5, 1e-12);
    seep_rank_autocorrelation(equal, 4, 2, rho);
    assert_true(rho[0] == 0 && rho[1] == 0);
}

static void a_line_rises_and_a_flat_series_does_not(void **state)
{
    double y[LENGTH];
    const double flat[LENGTH] = {0};
    struct seep_mann_kendall test;

    (void)state;
    for (size_t i = 0; i < LENGTH; i++) {
        y[i] = (double)i;
    }
    assert_int_equal(seep_hamed_rao(y, LENGTH, &test), 0);
    assert_true(test.p_rising < 1e-12 && test.p_falling > 0.999);
    assert_int_equal(seep_hamed_rao(flat, LENGTH, &test), 0);
    assert_true(test.z == 0 && test.p_rising == 1 && test.p_falling == 1);
    assert_int_equal(seep_hamed_rao(y, 2, &test), -EINVAL);
    assert_int_equal(seep_hamed_rao(y, SEEP_HAMED_RAO_POINTS_MAX + 1, &test), -EINVAL);
}

/* At 5 % the plain test flags a quarter of AR1 0.7; the corrected one is to flag about as
 * many as it says. */
static void an_autoregression_is_flagged_about_as_often_as_the_level_says(void **state)
{
    struct simulated_random random = {20261130};
    unsigned plain = 0;
    unsigned corrected = 0;

    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        struct seep_mann_kendall test;
        double y[LENGTH];

        for (size_t i = 0; i < LENGTH; i++) {
            y[i] = (i > 0 ? 0.7 * y[i - 1] : 0) + simulated_normal(&random);
        }
        assert_int_equal(seep_mann_kendall(y, LENGTH, &test), 0);
        plain += test.p_rising <= 0.05;
        assert_int_equal(seep_hamed_rao(y, LENGTH, &test), 0);
        corrected += test.p_rising <= 0.05;
    }
    assert_in_range(plain, RUNS * 0.17, RUNS * 0.35);
    assert_in_range(corrected, RUNS * 0.02, RUNS * 0.12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_lag_inflates_as_the_equation_says),
        cmocka_unit_test(a_long_autoregression_inflates_by_its_closed_form),
        cmocka_unit_test(a_series_that_swings_back_is_not_taken_to_know_more),
        cmocka_unit_test(ranks_correlate_as_worked_by_hand),
        cmocka_unit_test(a_line_rises_and_a_flat_series_does_not),
        cmocka_unit_test(an_autoregression_is_flagged_about_as_often_as_the_level_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
