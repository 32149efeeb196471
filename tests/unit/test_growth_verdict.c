/* The gates of the growth verdict, one by one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/growth_verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A leak that passes every gate; each test then breaks one. */
static struct seep_growth_case leak(enum seep_kind kind)
{
    struct seep_growth_case evidence = {
        .kind = kind,
        .count = {.rise = 40,
                  .p_trend = 1e-5,
                  .p_steps = 1e-6,
                  .p_walk = 0.001,
                  .end_share = 0.5,
                  .p_decelerating = 0.5,
                  .end_pace = 1,
                  .last_share = 0.25,
                  .ups = 40},
        .ages = {.known = true,
                 .generations = 50,
                 .window_generations = 30,
                 .window_possible = 40,
                 .early_generations = 15},
        .window_s = 90,
        .acquired = 40,
        .released = 0,
        .q_value = 0.001,
    };

    evidence.bytes = evidence.count;
    evidence.bytes.rise *= 1000;
    return evidence;
}

static void all_evidence_together_is_definite(void **state)
{
    struct seep_growth_case heap = leak(SEEP_KIND_HEAP);
    struct seep_growth_case thread = leak(SEEP_KIND_THREAD);

    (void)state;
    assert_int_equal(seep_growth_verdict(&heap), SEEP_VERDICT_DEFINITE);
    assert_int_equal(seep_growth_verdict(&thread), SEEP_VERDICT_DEFINITE);
}

static void a_few_blocks_more_are_stable(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.count.rise = 3;
    evidence.bytes.rise = 3000;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
    assert_true(seep_growth_p(&evidence) == 1);
    evidence.kind = SEEP_KIND_THREAD; /* three threads more are worth a word */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_PROBABLE);
}

/* What the backend's fault F05 leaks under a storm, 378 records in 78 s with a pause of
 * some seconds: Hamed and Rao's p is 2.4e-5, Student's of the walk 5.7e-8, and 3,700
 * sites of heap were tested. */
static void a_line_that_bends_is_sure_beside_thousands_of_sites(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.count.p_trend = 2.4e-5;
    evidence.count.p_steps = 2e-21;
    evidence.count.p_walk = 5.7e-8;
    evidence.released = 0.3 * evidence.acquired;
    assert_true(seep_growth_p(&evidence) * 3700 < 0.01);
    evidence.count.p_walk = 0.5; /* a trend that a walk may have */
    assert_true(seep_growth_p(&evidence) >= evidence.count.p_trend);
    evidence.count.p_trend = 1;
    assert_true(seep_growth_p(&evidence) == 1);
}

static void few_samples_are_a_suspect_and_noise_is_nothing(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.noise.count_spread = evidence.count.rise / 30;
    evidence.noise.bytes_spread = evidence.bytes.rise / 30;
    evidence.noise.count = evidence.count.rise / 2;
    evidence.noise.bytes = evidence.bytes.rise / 2;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
    evidence.noise.count_spread = evidence.count.rise / 9;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_SUSPECT);
    evidence.noise.count = evidence.count.rise;
    evidence.noise.bytes = evidence.bytes.rise;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
    assert_true(seep_growth_p(&evidence) == 1);
}

static void no_significance_is_stable(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.q_value = 0.06;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
}

static void what_stopped_or_slows_down_is_bounded(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.count.end_share = 0.2;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_BOUNDED);
    evidence.count.end_share = 0.4;
    evidence.count.p_decelerating = 0.001;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_BOUNDED);
}

static void what_approaches_a_level_is_bounded(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.count.plateau_gain = 7;
    evidence.count.end_pace = 0.2;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_BOUNDED);
    evidence.count.end_pace = 0.5; /* bends, and goes on */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
}

static void
a_last_quarter_without_anything_is_bounded_where_much_came_before(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.count.last_share = 0;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_BOUNDED);
    evidence.count.ups = 16; /* 0.75^16 = 1.0 % */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
}

static void a_queue_that_is_served_ever_later_is_probable(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.acquired = 1000;
    evidence.released = 800;
    evidence.inflow_ratio = 1.1;
    evidence.ages.early_generations = 0; /* all that it holds is young */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_PROBABLE);
    evidence.inflow_ratio = 1.5; /* more load, more in flight */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
    evidence.inflow_ratio = 1.1;
    evidence.count.p_walk = 0.02;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
}

static void growth_whose_members_are_all_young_is_stable(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.ages.window_generations = 3;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
    evidence.ages.window_generations = 30;
    evidence.ages.early_generations = 0;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
}

static void a_count_that_wanders_is_stable_unless_nothing_is_released(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.count.p_walk = 0.04;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
    evidence.released = 30;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
    evidence.count.p_walk = 0.02;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
    evidence.q_value = 0.02;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
}

/* 4,000 requests of 1 s in 90 s, and something of each generation is still there. */
static void what_outlives_the_traffic_is_probable_under_a_load_that_swings(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.acquired = 4000;
    evidence.released = 3960;
    evidence.count.mean = 45;
    evidence.count.p_walk = 0.5;
    evidence.ages.window_generations = 39; /* of 40 */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_PROBABLE);
    evidence.ages.window_generations = 30;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
    evidence.ages.window_generations = 39;
    evidence.count.mean = 4000; /* held for the whole window: no wonder */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
    evidence.count.mean = 45;
    evidence.ages.known = false;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
}

static void unknown_ages_lower_the_verdict(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.ages.known = false;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_PROBABLE);
    evidence.released = 30;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_SUSPECT);
}

static void one_block_that_only_gets_larger_is_probable(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.count = (struct seep_growth){.p_trend = 1, .p_steps = 1};
    evidence.bytes.rise = 1 << 20;
    evidence.released = 40;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_PROBABLE);
    evidence.bytes.ups = 3; /* it doubled now and then */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
}

/* 16 MiB after 120 s, doubled each time that it was full. */
static struct seep_growth_case table(void)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    evidence.count = (struct seep_growth){.p_trend = 1, .p_steps = 1};
    evidence.bytes = (struct seep_growth){.rise = 12 << 20, .p_trend = 1, .ups = 2};
    evidence.stairs = (struct seep_staircase){
        .ups = 10, .window_ups = 2, .window_rise = 12 << 20, .pace = 1.3};
    evidence.acquired = 2;
    evidence.released = 2;
    evidence.q_value = 1;
    return evidence;
}

static void a_table_that_doubles_at_the_pace_of_the_run_is_suspect(void **state)
{
    struct seep_growth_case evidence = table();

    (void)state;
    assert_true(seep_growth_is_staircase(&evidence));
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_SUSPECT);
    evidence.window_s = 20;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_SUSPECT);
}

static void a_table_that_stopped_slowed_shrank_or_is_small_is_no_staircase(void **state)
{
    struct seep_growth_case cases[6];

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        cases[i] = table();
    }
    cases[0].stairs.overdue = true;
    cases[1].stairs.pace = 0.5;
    cases[2].stairs.downs = 1;
    cases[3].stairs.window_rise = 4096;
    cases[4].stairs.window_ups = 1;
    cases[5].stairs.ups = 5;
    for (size_t i = 0; i < 6; i++) {
        assert_false(seep_growth_is_staircase(&cases[i]));
        assert_int_equal(seep_growth_verdict(&cases[i]), SEEP_VERDICT_NONE);
    }
}

static void a_short_window_lowers_what_is_said_of_heap_alone(void **state)
{
    struct seep_growth_case heap = leak(SEEP_KIND_HEAP);
    struct seep_growth_case thread = leak(SEEP_KIND_THREAD);

    (void)state;
    heap.window_s = 59;
    assert_int_equal(seep_growth_verdict(&heap), SEEP_VERDICT_PROBABLE);
    heap.window_s = thread.window_s = 35;
    assert_int_equal(seep_growth_verdict(&heap), SEEP_VERDICT_SUSPECT);
    assert_int_equal(seep_growth_verdict(&thread), SEEP_VERDICT_DEFINITE);
    heap.count.end_share = 0;
    assert_int_equal(seep_growth_verdict(&heap), SEEP_VERDICT_BOUNDED);
}

static void sites_with_little_activity_are_not_tested(void **state)
{
    (void)state;
    assert_false(seep_growth_testable(SEEP_KIND_HEAP, 4));
    assert_true(seep_growth_testable(SEEP_KIND_HEAP, 5));
    assert_true(seep_growth_testable(SEEP_KIND_THREAD, 3));
    assert_false(seep_growth_testable(SEEP_KIND_THREAD, 2));
}

/* One descriptor a minute, in ten minutes: seven in the window. */
static void a_few_descriptors_more_are_a_leak(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_FD);

    (void)state;
    evidence.count.rise = 6;
    evidence.count.ups = 6;
    evidence.acquired = 7;
    evidence.window_s = 400;
    evidence.ages.window_generations = 6;
    evidence.ages.early_generations = 3;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
    evidence.kind = SEEP_KIND_TIMER;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
    evidence.kind = SEEP_KIND_MAPPING;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
    evidence.kind = SEEP_KIND_HEAP; /* six blocks are not */
    evidence.bytes.rise = 6000;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
    evidence.kind = SEEP_KIND_FD;
    evidence.count.rise = 2;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_NONE);
}

static void a_short_window_excuses_descriptors_unless_their_limit_is_near(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_FD);

    (void)state;
    evidence.window_s = 20;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_SUSPECT);
    evidence.to_limit_s = 3600;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_SUSPECT);
    evidence.to_limit_s = 60;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_PROBABLE);
    evidence.window_s = 60;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
}

static void a_pool_of_connections_that_is_full_is_bounded(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_FD);

    (void)state;
    evidence.count.end_share = 0.1;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_BOUNDED);
    evidence.to_limit_s = 1; /* at a pace that it does not keep */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_BOUNDED);
}

static void heap_that_trickles_is_a_suspect_at_most(void **state)
{
    struct seep_growth_case evidence = leak(SEEP_KIND_HEAP);

    (void)state;
    evidence.window_s = 1000;
    evidence.count.rise = 40;
    evidence.bytes.rise = 6100; /* 527 KB a day */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
    evidence.bytes.rise = 5900; /* 510 KB a day: 498 KiB */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_SUSPECT);
    evidence.count.rise = 400; /* 16 bytes each at least, whatever was asked for */
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
    evidence = leak(SEEP_KIND_THREAD);
    evidence.window_s = 1000;
    evidence.bytes.rise = 0;
    assert_int_equal(seep_growth_verdict(&evidence), SEEP_VERDICT_DEFINITE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_that_trickles_is_a_suspect_at_most),
        cmocka_unit_test(all_evidence_together_is_definite),
        cmocka_unit_test(a_few_blocks_more_are_stable),
        cmocka_unit_test(a_line_that_bends_is_sure_beside_thousands_of_sites),
        cmocka_unit_test(few_samples_are_a_suspect_and_noise_is_nothing),
        cmocka_unit_test(no_significance_is_stable),
        cmocka_unit_test(what_stopped_or_slows_down_is_bounded),
        cmocka_unit_test(what_approaches_a_level_is_bounded),
        cmocka_unit_test(
            a_last_quarter_without_anything_is_bounded_where_much_came_before),
        cmocka_unit_test(a_queue_that_is_served_ever_later_is_probable),
        cmocka_unit_test(growth_whose_members_are_all_young_is_stable),
        cmocka_unit_test(a_count_that_wanders_is_stable_unless_nothing_is_released),
        cmocka_unit_test(what_outlives_the_traffic_is_probable_under_a_load_that_swings),
        cmocka_unit_test(unknown_ages_lower_the_verdict),
        cmocka_unit_test(one_block_that_only_gets_larger_is_probable),
        cmocka_unit_test(a_table_that_doubles_at_the_pace_of_the_run_is_suspect),
        cmocka_unit_test(a_table_that_stopped_slowed_shrank_or_is_small_is_no_staircase),
        cmocka_unit_test(a_short_window_lowers_what_is_said_of_heap_alone),
        cmocka_unit_test(sites_with_little_activity_are_not_tested),
        cmocka_unit_test(a_few_descriptors_more_are_a_leak),
        cmocka_unit_test(a_short_window_excuses_descriptors_unless_their_limit_is_near),
        cmocka_unit_test(a_pool_of_connections_that_is_full_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
