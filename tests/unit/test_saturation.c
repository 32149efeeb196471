/* Plateau fit.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/saturation.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulated_random.h"

enum { LENGTH = 32 };

/* The end pace has a closed form: with x = length/tau, x exp(-x)/(1 - exp(-x)). */
static void an_exact_approach_is_recovered(void **state)
{
    const double parts[] = {0.1, 0.3, 1.0};
    double y[LENGTH];

    (void)state;
    for (size_t k = 0; k < 3; k++) {
        double tau = parts[k] * (LENGTH - 1);
        double x = 1 / parts[k];

        for (size_t i = 0; i < LENGTH; i++) {
            y[i] = 500 - 300 * exp(-(double)i / tau);
        }
        struct seep_saturation fit = seep_saturation_fit(y, LENGTH);

        assert_true(fit.gain_aicc > 50);
        assert_true(fit.tau > 0.85 * tau && fit.tau < 1.15 * tau);
        assert_float_equal(fit.end_pace, x * exp(-x) / (1 - exp(-x)), 0.08);
    }
}

static void a_line_a_fall_and_a_flat_series_approach_nothing(void **state)
{
    double up[LENGTH];
    double down[LENGTH];
    const double flat[LENGTH] = {0};

    (void)state;
    for (size_t i = 0; i < LENGTH; i++) {
        up[i] = (double)i;
        down[i] = 100 - (double)i;
    }
    assert_true(seep_saturation_fit(up, LENGTH).gain_aicc < 0);
    assert_true(seep_saturation_fit(down, LENGTH).gain_aicc <= 0);
    assert_true(seep_saturation_fit(flat, LENGTH).gain_aicc == 0);
    assert_true(seep_saturation_fit(flat, LENGTH).end_pace == 1);
    assert_true(seep_saturation_fit(up, 7).gain_aicc == 0);
}

static void a_leak_in_noise_is_not_taken_for_an_approach(void **state)
{
    struct simulated_random random = {20261132};
    unsigned taken = 0;

    (void)state;
    for (unsigned run = 0; run < 1000; run++) {
        double y[LENGTH];

        for (size_t i = 0; i < LENGTH; i++) {
            y[i] = 0.2 * (double)i + simulated_normal(&random);
        }
        struct seep_saturation fit = seep_saturation_fit(y, LENGTH);

        taken += fit.gain_aicc > 6 && fit.end_pace < 0.3;
    }
    assert_in_range(taken, 0, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_approach_is_recovered),
        cmocka_unit_test(a_line_a_fall_and_a_flat_series_approach_nothing),
        cmocka_unit_test(a_leak_in_noise_is_not_taken_for_an_approach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
