/* What a growing count keeps pace with: made series whose cause is known.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/pace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { POINTS = 60, SEEDS = 200 };

struct run {
    double t[POINTS], operations[POINTS], y[POINTS];
};

/* A coin that lands on `p` per try: the sum of n of them. */
static double coins(unsigned short seed[3], double n, double p)
{
    double sum = 0;

    for (double i = 0; i < n; i++) {
        sum += erand48(seed) < p;
    }
    return sum;
}

/* load: operations a second, changing every 10 s when it is not constant.
 * Leaks per_operation and per_s, by chance. */
static struct run make(unsigned number, double varies, double per_operation, double per_s)
{
    unsigned short seed[3] = {(unsigned short)number, 7, 11};
    struct run run = {0};
    double done = 0;
    double leaked = 0;
    double load = 100;

    for (size_t i = 0; i < POINTS; i++) {
        load = i % 10 == 0 ? 100 * (1 + varies * (2 * erand48(seed) - 1)) : load;
        double work = coins(seed, 2 * load, 0.5);

        done += work;
        leaked += coins(seed, work, per_operation) + coins(seed, 100, per_s / 100);
        run.t[i] = (double)i;
        run.operations[i] = done;
        run.y[i] = leaked;
    }
    return run;
}

static size_t told(enum seep_pace_by by, double varies, double per_operation,
                   double per_s)
{
    size_t n = 0;

    for (unsigned seed = 0; seed < SEEDS; seed++) {
        struct run run = make(seed, varies, per_operation, per_s);

        n += seep_pace_compare(run.t, run.operations, run.y, POINTS, 1).by == by;
    }
    return n;
}

static void under_a_changing_load_both_are_told_and_never_the_wrong_one(void **state)
{
    (void)state;
    assert_true(told(SEEP_PACE_OPERATIONS, 0.9, 0.05, 0) >= SEEDS * 90 / 100);
    assert_true(told(SEEP_PACE_TIME, 0.9, 0.05, 0) == 0);
    assert_true(told(SEEP_PACE_TIME, 0.9, 0, 5) >= SEEDS * 90 / 100);
    assert_true(told(SEEP_PACE_OPERATIONS, 0.9, 0, 5) == 0);
}

static void under_a_constant_load_neither_is_said(void **state)
{
    (void)state;
    assert_true(told(SEEP_PACE_UNKNOWN, 0, 0.05, 0) >= SEEDS * 97 / 100);
    assert_true(told(SEEP_PACE_UNKNOWN, 0, 0, 5) >= SEEDS * 97 / 100);
}

static void the_slope_is_that_of_the_cause(void **state)
{
    struct run run = {0};

    (void)state;
    for (size_t i = 0; i < POINTS; i++) { /* stops when the load does */
        run.t[i] = (double)i;
        run.operations[i] = 1000.0 * (double)(i < 30 ? i : 30);
        run.y[i] = 12 * (double)(i < 30 ? i : 30);
    }
    struct seep_pace pace = seep_pace_compare(run.t, run.operations, run.y, POINTS, 1);

    assert_int_equal(pace.by, SEEP_PACE_OPERATIONS);
    assert_float_equal(pace.per_operation, 0.012, 1e-6);
    assert_float_equal(pace.operations, 30000, 1e-6);
    for (size_t i = 0; i < POINTS; i++) { /* goes on without any load */
        run.y[i] = 12 * (double)i;
    }
    assert_int_equal(seep_pace_compare(run.t, run.operations, run.y, POINTS, 1).by,
                     SEEP_PACE_TIME);
}

static void two_perfect_fits_are_a_draw(void **state)
{
    struct run run = {0};

    (void)state;
    for (size_t i = 0; i < POINTS; i++) {
        run.t[i] = (double)i;
        run.operations[i] = 100 * (double)i;
        run.y[i] = 12 * (double)i;
    }
    struct seep_pace pace = seep_pace_compare(run.t, run.operations, run.y, POINTS, 1);

    assert_int_equal(pace.by, SEEP_PACE_UNKNOWN);
    assert_float_equal(pace.support, 0, 1e-6);
    for (size_t i = 0; i < POINTS; i++) { /* a load that is constant but for a hair */
        run.operations[i] += i % 2 == 0 ? 0 : 0.1;
    }
    assert_int_equal(seep_pace_compare(run.t, run.operations, run.y, POINTS, 0).by,
                     SEEP_PACE_UNKNOWN);
}

static void little_data_flat_series_and_few_operations_say_nothing(void **state)
{
    struct run run = make(1, 0.9, 0.05, 0);

    (void)state;
    assert_int_equal(seep_pace_compare(run.t, run.operations, run.y, 17, 1).by,
                     SEEP_PACE_UNKNOWN);
    assert_int_equal(seep_pace_compare(run.t, run.operations, run.y, 0, 1).by,
                     SEEP_PACE_UNKNOWN);
    for (size_t i = 0; i < POINTS; i++) {
        run.operations[i] = i < 30 ? 0 : 19;
    }
    assert_int_equal(seep_pace_compare(run.t, run.operations, run.y, POINTS, 1).by,
                     SEEP_PACE_UNKNOWN);
    for (size_t i = 0; i < POINTS; i++) {
        run.operations[i] = 100.0 * (double)i;
        run.y[i] = 5;
    }
    struct seep_pace flat = seep_pace_compare(run.t, run.operations, run.y, POINTS, 1);

    assert_int_equal(flat.by, SEEP_PACE_UNKNOWN);
    assert_false(isnan(flat.support));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(under_a_changing_load_both_are_told_and_never_the_wrong_one),
        cmocka_unit_test(under_a_constant_load_neither_is_said),
        cmocka_unit_test(the_slope_is_that_of_the_cause),
        cmocka_unit_test(two_perfect_fits_are_a_draw),
        cmocka_unit_test(little_data_flat_series_and_few_operations_say_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
