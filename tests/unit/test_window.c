/* Which part of a recording is judged.
 *
 * SPDX-License-Identifier: MIT
 */
#include "series/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "load/recording_pool.h"

static struct seep_rec_snapshot snapshots[100];
static struct seep_pool_budget budget = {.left_bytes = 1 << 20};
static struct seep_pool pool = {.budget = &budget};
static struct seep_rec_site sites[1];
static struct seep_recording recording;
static const struct seep_window_options NO_OPTIONS = {.since_s = -1, .until_s = -1};

static void set_point(uint32_t snapshot, uint64_t acquired, uint64_t released)
{
    assert_int_equal(seep_points_add(&sites[0].points, &pool, snapshot,
                                     &(struct seep_counters){.acquired = acquired,
                                                             .released = released}),
                     0);
}

static int drop_points(void **state)
{
    (void)state;
    seep_pool_fini(&pool);
    return 0;
}

/* n snapshots a second apart, from 1 s on, with a hundred live blocks. */
static void forge(size_t n)
{
    memset(snapshots, 0, sizeof(snapshots));
    for (size_t i = 0; i < n; i++) {
        snapshots[i].t_ns = (i + 1) * UINT64_C(1000000000);
    }
    seep_pool_fini(&pool);
    sites[0] = (struct seep_rec_site){.kind = SEEP_KIND_HEAP};
    set_point(0, 100, 0);
    recording = (struct seep_recording){.snapshots = snapshots,
                                        .snapshot_count = n,
                                        .sites = sites,
                                        .site_count = 1,
                                        .ended_ns = n * UINT64_C(1000000000)};
}

static void the_first_third_is_warm_up(void **state)
{
    struct seep_window window;

    (void)state;
    forge(60);
    window = seep_window_choose(&recording, &NO_OPTIONS);
    assert_true(seep_window_is_valid(&recording, &window));
    assert_int_equal(window.first, 0);
    assert_int_equal(window.warm, 20);
    assert_int_equal(window.end, 60);
    assert_false(window.shutdown_cut);
    assert_true(seep_window_seconds(&recording, &window) == 39);
}

static void a_mark_named_warm_ends_warm_up(void **state)
{
    struct seep_rec_text mark = {.t_ns = UINT64_C(5000000000), .text = (char *)"warm"};
    struct seep_window window;

    (void)state;
    forge(60);
    recording.marks = &mark;
    recording.mark_count = 1;
    window = seep_window_choose(&recording, &NO_OPTIONS);
    assert_int_equal(window.warm, 4);
    assert_true(window.by_mark);
}

/* Of the marks that keep no time, the snapshot that counted the last one. */
static void a_counted_mark_named_warm_ends_warm_up_too(void **state)
{
    struct seep_rec_text mark = {.t_ns = UINT64_C(5000000000), .text = (char *)"warm"};
    struct seep_rec_label labels[2] = {{.text = (char *)"http request"},
                                       {.text = (char *)"warm"}};
    struct seep_window window;

    (void)state;
    forge(60);
    recording.marks = &mark;
    recording.mark_count = 1;
    recording.labels = labels;
    recording.label_count = 2;
    assert_int_equal(seep_points_add(&labels[0].points, &pool, 40,
                                     &(struct seep_counters){.acquired = 1000000}),
                     0);
    assert_int_equal(seep_points_add(&labels[1].points, &pool, 5,
                                     &(struct seep_counters){.acquired = 1}),
                     0);
    window = seep_window_choose(&recording, &NO_OPTIONS);
    assert_int_equal(window.warm, 4); /* it has a time */
    assert_int_equal(seep_points_add(&labels[1].points, &pool, 25,
                                     &(struct seep_counters){.acquired = 2}),
                     0);
    window = seep_window_choose(&recording, &NO_OPTIONS);
    assert_int_equal(window.warm, 25);
    assert_true(window.by_mark);
}

static void since_and_until_are_obeyed_to_the_second(void **state)
{
    const struct seep_window_options options = {.since_s = 10, .until_s = 50};
    struct seep_window window;

    (void)state;
    forge(60);
    window = seep_window_choose(&recording, &options);
    assert_int_equal(window.first, 9);
    assert_int_equal(window.warm, 9);
    assert_int_equal(window.end, 50);
}

static void a_program_that_exits_is_not_judged_in_its_last_two_seconds(void **state)
{
    struct seep_window window;

    (void)state;
    forge(60);
    recording.ended = true;
    recording.ending_kind = SEEP_ENDING_EXITED;
    window = seep_window_choose(&recording, &NO_OPTIONS);
    assert_int_equal(window.end, 58);
    assert_true(window.shutdown_cut);
    recording.ending_kind = SEEP_ENDING_SIGNALLED;
    window = seep_window_choose(&recording, &NO_OPTIONS);
    assert_int_equal(window.end, 60);
}

static void a_tear_down_is_cut_where_it_begins(void **state)
{
    struct seep_window window;

    (void)state;
    forge(60);
    recording.ended = true;
    recording.ending_kind = SEEP_ENDING_EXITED;
    for (uint32_t i = 0; i < 6; i++) { /* from snapshot 54 on, 15 blocks go each second */
        set_point(54 + i, 100, UINT64_C(15) * (i + 1));
    }
    window = seep_window_choose(&recording, &NO_OPTIONS);
    assert_int_equal(window.end, 54);
}

static void an_empty_recording_has_an_empty_window(void **state)
{
    struct seep_window window;

    (void)state;
    forge(0);
    window = seep_window_choose(&recording, &NO_OPTIONS);
    assert_true(seep_window_is_valid(&recording, &window));
    assert_int_equal(seep_window_points(&window), 0);
    assert_true(seep_window_seconds(&recording, &window) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_third_is_warm_up),
        cmocka_unit_test(a_mark_named_warm_ends_warm_up),
        cmocka_unit_test(a_counted_mark_named_warm_ends_warm_up_too),
        cmocka_unit_test(since_and_until_are_obeyed_to_the_second),
        cmocka_unit_test(a_program_that_exits_is_not_judged_in_its_last_two_seconds),
        cmocka_unit_test(a_tear_down_is_cut_where_it_begins),
        cmocka_unit_test(an_empty_recording_has_an_empty_window),
    };

    return cmocka_run_group_tests(tests, NULL, drop_points);
}
