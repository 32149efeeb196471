/* Lives, and a gauge judged. SPDX-License-Identifier: MIT */
#include "fleet/fleet_life.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/gauge_judge.h"

enum { STEPS = 100 };

static void an_age_that_falls_is_a_restart(void **state)
{
    double ages[6] = {100, NAN, 300, 20, NAN, 10};
    bool restarts[6] = {false};

    (void)state;
    assert_int_equal(seep_fleet_restarts_by_age(ages, 6, restarts), 2);
    assert_true(restarts[3] && restarts[5] && !restarts[2] && !restarts[4]);
}

/* Four series, 1 MiB each; `falling` of them fall to nearly nothing at step 50. */
static size_t restarts_when(size_t falling)
{
    static const struct seep_fleet_labels labels = {{"id"}, 1};
    static const struct seep_fleet_grid grid = {.step_s = 1, .steps = STEPS};
    static const bool member[] = {true, true, true, true};
    bool restarts[STEPS] = {false};
    struct seep_fleet_slice slice;

    seep_fleet_slice_init(&slice, &labels, &grid);
    const struct seep_query_sink sink = seep_fleet_slice_sink(&slice);

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(sink.begin(&slice), 0);
        assert_int_equal(sink.label(&slice, "id", 2, "x", 1), 0);
        for (size_t step = 0; step < STEPS; step++) {
            if (step != 30) { /* nobody asked then: no restart */
                double value = i < falling && step >= 50 ? 1000 : 1 << 20;

                assert_int_equal(sink.sample(&slice, (double)step, value), 0);
            }
        }
        assert_int_equal(sink.end(&slice), 0);
    }
    size_t found = seep_fleet_restarts_by_fall(&slice, member, restarts);

    assert_int_equal(found, restarts[50]);
    seep_fleet_slice_fini(&slice);
    return found;
}

static void all_series_that_fall_together_are_a_restart_and_one_is_a_cache(void **state)
{
    (void)state;
    assert_int_equal(restarts_when(4), 1);
    assert_int_equal(restarts_when(1), 0);
    assert_int_equal(restarts_when(3), 0);
    assert_int_equal(restarts_when(0), 0);
}

static void a_series_is_cut_at_restarts_and_at_long_gaps_only(void **state)
{
    double values[STEPS];
    bool restarts[STEPS] = {false};
    struct seep_fleet_life lives[SEEP_FLEET_LIVES_MAX];
    struct seep_fleet_cuts cuts = {0};

    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        values[i] = (i >= 40 && i < 60) || i == 10 || i == 11 || i < 2 ? NAN : 1;
    }
    restarts[30] = true;
    restarts[45] = true; /* inside of the gap: the same cut */
    assert_int_equal(seep_fleet_lives(values, restarts, STEPS, lives, &cuts), 3);
    assert_true(lives[0].from == 2 && lives[0].to == 30 && !lives[0].born);
    assert_true(lives[1].from == 30 && lives[1].to == 40 && lives[1].born);
    assert_true(lives[2].from == 60 && lives[2].to == STEPS && lives[2].born);
    assert_int_equal(cuts.missing, 2);
    assert_int_equal(cuts.gaps, 0);
    restarts[45] = false;
    assert_int_equal(seep_fleet_lives(values, restarts, STEPS, lives, &cuts), 3);
    assert_int_equal(cuts.gaps, 1);
    assert_false(lives[2].born);
}

static void of_too_many_lives_the_newest_are_kept_and_the_rest_counted(void **state)
{
    double values[STEPS];
    bool restarts[STEPS];
    struct seep_fleet_life lives[SEEP_FLEET_LIVES_MAX];
    struct seep_fleet_cuts cuts = {0};

    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        values[i] = 1;
        restarts[i] = true;
    }
    assert_int_equal(seep_fleet_lives(values, restarts, STEPS, lives, &cuts),
                     SEEP_FLEET_LIVES_MAX);
    assert_int_equal(cuts.left_off, STEPS - SEEP_FLEET_LIVES_MAX);
    assert_int_equal(lives[SEEP_FLEET_LIVES_MAX - 1].to, STEPS);
}

static void an_empty_series_has_no_life(void **state)
{
    double values[3] = {NAN, NAN, NAN};
    bool restarts[3] = {true, false, true};
    struct seep_fleet_life lives[SEEP_FLEET_LIVES_MAX];
    struct seep_fleet_cuts cuts = {0};

    (void)state;
    assert_int_equal(seep_fleet_lives(values, restarts, 3, lives, &cuts), 0);
}

static enum seep_verdict judge(enum seep_kind kind, bool of_bytes, double (*at)(size_t i))
{
    double t_s[STEPS];
    double y[STEPS];
    const struct seep_gauge gauge = {
        .kind = kind, .of_bytes = of_bytes, .t_s = t_s, .values = y, .n = STEPS};
    struct seep_growth_case evidence = {0};

    for (size_t i = 0; i < STEPS; i++) {
        t_s[i] = 300.0 * (double)i;
        y[i] = at(i);
    }
    if (!seep_gauge_measure(&gauge, &evidence)) {
        return SEEP_VERDICT_NONE;
    }
    evidence.q_value = seep_growth_p(&evidence);
    return seep_growth_verdict(&evidence);
}

static double flat(size_t i)
{
    (void)i;
    return 1 << 20;
}

static double line(size_t i)
{
    return (1 << 20) + 65536.0 * (double)i;
}

static double noisy_line(size_t i)
{
    return line(i) + 200000 * sin(12.9 * (double)i * (double)i);
}

static double cache(size_t i)
{
    return (1 << 24) * (1 - exp(-(double)i / 12));
}

static double saw_tooth(size_t i)
{
    return 65536.0 * (double)(i % 10);
}

static double few_threads(size_t i)
{
    return 4 + floor((double)i / 8);
}

static void gauges_are_judged_as_sites_are(void **state)
{
    (void)state;
    assert_int_equal(judge(SEEP_KIND_HEAP, true, flat), SEEP_VERDICT_NONE);
    assert_int_equal(judge(SEEP_KIND_HEAP, true, line), SEEP_VERDICT_PROBABLE);
    assert_int_equal(judge(SEEP_KIND_HEAP, true, noisy_line), SEEP_VERDICT_SUSPECT);
    assert_true(judge(SEEP_KIND_HEAP, true, cache) <= SEEP_VERDICT_BOUNDED);
    assert_int_equal(judge(SEEP_KIND_HEAP, true, saw_tooth), SEEP_VERDICT_NONE);
    assert_int_equal(judge(SEEP_KIND_THREAD, false, few_threads), SEEP_VERDICT_PROBABLE);
    assert_int_equal(judge(SEEP_KIND_THREAD, false, flat), SEEP_VERDICT_NONE);
}

static void the_pace_of_a_line_is_its_slope(void **state)
{
    double t_s[STEPS];
    double y[STEPS];
    const struct seep_gauge gauge = {
        .kind = SEEP_KIND_HEAP, .of_bytes = true, .t_s = t_s, .values = y, .n = STEPS};

    (void)state;
    for (size_t i = 0; i < STEPS; i++) {
        t_s[i] = 300.0 * (double)i;
        y[i] = 30.0 * (double)i;
    }
    assert_true(fabs(seep_gauge_slope(&gauge).u_per_s - 0.1) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_age_that_falls_is_a_restart),
        cmocka_unit_test(all_series_that_fall_together_are_a_restart_and_one_is_a_cache),
        cmocka_unit_test(a_series_is_cut_at_restarts_and_at_long_gaps_only),
        cmocka_unit_test(of_too_many_lives_the_newest_are_kept_and_the_rest_counted),
        cmocka_unit_test(an_empty_series_has_no_life),
        cmocka_unit_test(gauges_are_judged_as_sites_are),
        cmocka_unit_test(the_pace_of_a_line_is_its_slope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
