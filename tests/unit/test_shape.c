/* Each way of leaking, made a hundred times by chance, is given its own name: the table
 * of what was made against what was said is printed, and its diagonal is bounded.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/shape.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { POINTS_MAX = 300, SCANS_MAX = 24, SEEDS = 100, SHAPES = 7 };

struct made {
    double t[POINTS_MAX], live[POINTS_MAX], bytes[POINTS_MAX];
    double acquired[POINTS_MAX], released[POINTS_MAX], operations[POINTS_MAX];
    double scan_t[SCANS_MAX], ages[SCANS_MAX];
    struct seep_shape_series series;
    unsigned short seed[3];
};

static double coins(struct made *made, double n, double p)
{
    double sum = 0;

    for (double i = 0; i < n; i++) {
        sum += erand48(made->seed) < p;
    }
    return sum;
}

static void put(struct made *made, size_t i, double acquired, double released,
                double bytes_each)
{
    made->acquired[i] = acquired;
    made->released[i] = released;
    made->live[i] = acquired - released;
    made->bytes[i] = (acquired - released) * bytes_each;
}

/* What all have: a load that changes six times, and scans that see something as old as
 * the run. */
static void begin(struct made *made, unsigned number, size_t n)
{
    double load = 100;

    *made = (struct made){.seed = {(unsigned short)number, 3, 5}};
    for (size_t i = 0; i < n; i++) {
        load = i % (n / 6) == 0 ? 10 + 190 * erand48(made->seed) : load;
        made->t[i] = 30 + (double)i;
        made->operations[i] =
            (i > 0 ? made->operations[i - 1] : 0) + coins(made, 2 * load, 0.5);
    }
    for (size_t i = 0; i < SCANS_MAX / 2; i++) {
        made->scan_t[i] = 30 + (double)((i + 1) * n) / (SCANS_MAX / 2.0);
        made->ages[i] = made->scan_t[i] - 1;
    }
    made->series = (struct seep_shape_series){.n = n,
                                              .t_s = made->t,
                                              .live = made->live,
                                              .live_bytes = made->bytes,
                                              .acquired = made->acquired,
                                              .released = made->released,
                                              .operations = made->operations,
                                              .scans = SCANS_MAX / 2,
                                              .scan_t_s = made->scan_t,
                                              .oldest_age_s = made->ages};
}

/* Three blocks a second by chance, beside twenty that come and go. */
static void steady(struct made *made, size_t n)
{
    double leaked = 10;

    for (size_t i = 0; i < n; i++) {
        leaked += coins(made, 100, 0.03);
        put(made, i, leaked + 20 * (double)i + coins(made, 10, 0.5), 20 * (double)i, 100);
    }
}

static void per_operation(struct made *made, size_t n)
{
    double leaked = 10;

    for (size_t i = 0; i < n; i++) {
        double work = made->operations[i] - (i > 0 ? made->operations[i - 1] : 0);

        leaked += coins(made, work, 0.08);
        put(made, i, leaked + made->operations[i], made->operations[i], 100);
    }
}

/* Six to eight times, ten to thirty blocks at once. */
static void steps(struct made *made, size_t n)
{
    double leaked = 10;
    size_t every = n / 7;

    for (size_t i = 0; i < n; i++) {
        if (i % every == 2) {
            leaked += 10 + floor(20 * erand48(made->seed));
        }
        put(made, i, leaked, 0, 400);
    }
}

/* Climbs for a seventh of the window, then gives all but a part of it back. */
static void saw_tooth(struct made *made, size_t n)
{
    double acquired = 100;
    double released = 0;
    double floor_live = 100;
    size_t every = n / 7;

    for (size_t i = 0; i < n; i++) {
        acquired += 20 + coins(made, 20, 0.5);
        if (i % every == every - 1) {
            floor_live += 30;
            released = acquired - floor_live;
        }
        put(made, i, acquired + coins(made, 10, 0.5), released, 64);
    }
}

/* Three blocks, each made larger in turn. */
static void container(struct made *made, size_t n)
{
    double each = 40000;
    double calls = 3;

    for (size_t i = 0; i < n; i++) {
        if (erand48(made->seed) < 0.3) {
            each *= 1 + 2.0 / (double)n * (1 + erand48(made->seed));
            calls++;
        }
        put(made, i, calls, calls - 3, each);
    }
}

/* A queue whose consumer falls behind: first in, first out, later and later. */
static void slow_release(struct made *made, size_t n)
{
    double acquired = 0;

    for (size_t i = 0; i < n; i++) {
        double delay = 3 + 0.3 * (double)i;
        double at = (double)i - delay;
        size_t then = at > 0 ? (size_t)at : 0;

        acquired += 4 + coins(made, 10, 0.5);
        made->acquired[i] = acquired;
        put(made, i, acquired, at > 0 ? made->acquired[then] : 0, 200);
    }
    for (size_t i = 0; i < made->series.scans; i++) {
        made->ages[i] = 3 + 0.3 * (made->scan_t[i] - 30) + 0.5 * erand48(made->seed);
    }
}

static void (*const makers[SHAPES])(struct made *made, size_t n) = {
    [SEEP_SHAPE_STEADY] = steady,       [SEEP_SHAPE_PER_OPERATION] = per_operation,
    [SEEP_SHAPE_STEPS] = steps,         [SEEP_SHAPE_SAW_TOOTH] = saw_tooth,
    [SEEP_SHAPE_CONTAINER] = container, [SEEP_SHAPE_SLOW_RELEASE] = slow_release,
};
static const char *const names[SHAPES] = {"none",  "steady",    "operation",   "steps",
                                          "teeth", "container", "slow release"};

static void fill(size_t table[SHAPES][SHAPES], size_t n)
{
    static struct made made;

    for (size_t shape = 1; shape < SHAPES; shape++) {
        for (unsigned seed = 0; seed < SEEDS; seed++) {
            begin(&made, seed, n);
            makers[shape](&made, n);
            table[shape][seep_shape_of(&made.series).shape]++;
        }
    }
}

static void each_pattern_is_told_from_all_the_others(void **state)
{
    static const size_t lengths[] = {40, 80, 200, 300};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t table[SHAPES][SHAPES] = {0};

        fill(table, lengths[i]);
        print_message("%zu points: made (rows), said (columns), of %d\n%14s", lengths[i],
                      SEEDS, "");
        for (size_t said = 0; said < SHAPES; said++) {
            print_message("%14s", names[said]);
        }
        for (size_t shape = 1; shape < SHAPES; shape++) {
            print_message("\n%14s", names[shape]);
            for (size_t said = 0; said < SHAPES; said++) {
                print_message("%14zu", table[shape][said]);
            }
        }
        print_message("\n");
        for (size_t shape = 1; shape < SHAPES; shape++) {
            assert_true(table[shape][shape] >= SEEDS * 95 / 100);
        }
    }
}

static void a_leak_of_one_block_now_and_then_is_no_step(void **state)
{
    static struct made made;

    (void)state;
    begin(&made, 1, 120);
    made.series.operations = NULL;
    for (size_t i = 0; i < 120; i++) {
        put(&made, i, (double)(i / 12), 0, 100);
    }
    assert_int_equal(seep_shape_of(&made.series).shape, SEEP_SHAPE_STEADY);
    for (size_t i = 0; i < 120; i++) {
        put(&made, i, (double)(i / 12) * 5, 0, 100);
    }
    struct seep_shape_found found = seep_shape_of(&made.series);

    assert_int_equal(found.shape, SEEP_SHAPE_STEPS);
    assert_float_equal(found.step, 5, 0);
    assert_int_equal(found.steps, 8); /* of nine: four fifths of all */
    for (size_t i = 1; i < found.steps; i++) {
        assert_true(found.step_to[i] > found.step_to[i - 1]);
        assert_int_equal(found.step_to[i] % 12, 0);
        assert_int_equal(found.step_from[i], found.step_to[i] - 1);
    }
}

static void noise_around_a_rise_has_no_teeth(void **state)
{
    static struct made made;

    (void)state;
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        begin(&made, seed, 200);
        made.series.operations = NULL;
        for (size_t i = 0; i < 200; i++) {
            put(&made, i, 200 + 0.3 * (double)i + coins(&made, 100, 0.5), 0, 100);
        }
        assert_int_equal(seep_shape_of(&made.series).shape, SEEP_SHAPE_STEADY);
    }
}

static void a_queue_of_which_something_is_never_released_is_no_slow_release(void **state)
{
    static struct made made;

    (void)state;
    begin(&made, 1, 120);
    made.series.operations = NULL;
    slow_release(&made, 120);
    assert_int_equal(seep_shape_of(&made.series).shape, SEEP_SHAPE_SLOW_RELEASE);
    for (size_t i = 0; i < made.series.scans; i++) {
        made.ages[i] = made.scan_t[i] - 1;
    }
    assert_int_equal(seep_shape_of(&made.series).shape, SEEP_SHAPE_STEADY);
    made.series.scans = 3;
    assert_int_equal(seep_shape_of(&made.series).shape, SEEP_SHAPE_STEADY);
}

static void too_few_points_have_no_shape(void **state)
{
    static struct made made;

    (void)state;
    begin(&made, 1, 40);
    steady(&made, 40);
    made.series.n = SEEP_SHAPE_POINTS_MIN - 1;
    assert_int_equal(seep_shape_of(&made.series).shape, SEEP_SHAPE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pattern_is_told_from_all_the_others),
        cmocka_unit_test(a_leak_of_one_block_now_and_then_is_no_step),
        cmocka_unit_test(noise_around_a_rise_has_no_teeth),
        cmocka_unit_test(a_queue_of_which_something_is_never_released_is_no_slow_release),
        cmocka_unit_test(too_few_points_have_no_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
