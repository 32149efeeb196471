/* Generations alive.
 *
 * SPDX-License-Identifier: MIT
 */
#include "series/ages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 60 };
static const uint64_t S = UINT64_C(1000000000);
static struct seep_rec_snapshot snapshots[N];
static struct seep_pool_budget budget;
static struct seep_pool pool;
static struct seep_rec_ages scans[2];
static struct seep_rec_thread threads[16];
static struct seep_recording recording;
static const struct seep_window WINDOW = {.first = 0, .warm = 19, .end = N};

static int start(void **state)
{
    (void)state;
    budget.left_bytes = 1 << 20;
    pool = (struct seep_pool){.budget = &budget};
    return 0;
}

static int end(void **state)
{
    (void)state;
    seep_pool_fini(&pool);
    return 0;
}

static void forge(uint64_t generations)
{
    for (size_t i = 0; i < N; i++) {
        snapshots[i].t_ns = (i + 1) * S;
    }
    const struct seep_rec_age entries[] = {
        {.site = 3, .live = 9, .oldest_birth_ns = 5 * S},
        {.site = 7, .live = 9, .oldest_birth_ns = 10 * S, .generations = generations}};
    struct seep_age_writer writer = {.budget = &budget};

    seep_age_writer_begin(&writer);
    assert_int_equal(seep_age_writer_add(&writer, &entries[0]), 0);
    assert_int_equal(seep_age_writer_add(&writer, &entries[1]), 0);
    scans[0] = (struct seep_rec_ages){.t_ns = 10 * S, .generation_width_ns = S};
    scans[1] = (struct seep_rec_ages){.t_ns = 60 * S, .generation_width_ns = S};
    assert_int_equal(seep_age_writer_end(&writer, &pool, &scans[1]), 0);
    seep_age_writer_fini(&writer);
    recording = (struct seep_recording){
        .snapshots = snapshots, .snapshot_count = N, .ages = scans, .ages_count = 2};
}

static void generations_are_counted_whole_in_the_window_and_early(void **state)
{
    struct seep_ages ages;

    (void)state;
    forge(UINT64_C(1) << 10 | UINT64_C(1) << 20 | UINT64_C(1) << 25 | UINT64_C(1) << 50);
    ages = seep_ages_of_site(&recording, &WINDOW, seep_ages_scan(&recording, &WINDOW), 7);
    assert_true(ages.known);
    assert_int_equal(ages.generations, 4);
    assert_int_equal(ages.window_generations, 3);
    assert_int_equal(ages.early_generations, 2);
    assert_int_equal(ages.window_possible, 40);
    assert_true(ages.oldest_age_s == 50);
}

static void a_site_that_the_scan_does_not_list_has_nothing_alive(void **state)
{
    struct seep_ages ages;

    (void)state;
    forge(0);
    ages = seep_ages_of_site(&recording, &WINDOW, seep_ages_scan(&recording, &WINDOW), 5);
    assert_true(ages.known);
    assert_int_equal(ages.generations, 0);
}

static void without_a_scan_in_the_window_ages_are_unknown(void **state)
{
    (void)state;
    forge(1);
    recording.ages_count = 1;
    assert_null(seep_ages_scan(&recording, &WINDOW));
    assert_false(seep_ages_of_site(&recording, &WINDOW, NULL, 7).known);
}

static void generations_wider_than_a_quarter_of_the_window_say_nothing(void **state)
{
    (void)state;
    forge(1);
    scans[1].generation_width_ns = 16 * S;
    assert_false(
        seep_ages_of_site(&recording, &WINDOW, seep_ages_scan(&recording, &WINDOW), 7)
            .known);
}

static void threads_are_aged_by_the_thread_table(void **state)
{
    struct seep_ages ages;

    (void)state;
    forge(0);
    memset(threads, 0, sizeof(threads));
    for (size_t i = 0; i < 12; i++) {
        threads[i] = (struct seep_rec_thread){
            .site = 4, .state = SEEP_THREAD_USED, .created_ns = (i + 1) * 5 * S - S};
    }
    threads[12] = (struct seep_rec_thread){
        .site = 4, .state = SEEP_THREAD_USED | SEEP_THREAD_JOINED, .created_ns = S / 2};
    recording.threads = threads;
    recording.thread_count = 13;
    recording.threads_t_ns = 60 * S;
    ages = seep_ages_of_threads(&recording, &WINDOW, 4);
    assert_true(ages.known);
    assert_int_equal(ages.generations, 12);
    assert_int_equal(ages.window_generations, 8);
    assert_true(ages.oldest_age_s == 56);
    assert_false(seep_ages_of_threads(&recording, &WINDOW, 5).known);
    recording.threads_t_ns = 5 * S;
    assert_false(seep_ages_of_threads(&recording, &WINDOW, 4).known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            generations_are_counted_whole_in_the_window_and_early, start, end),
        cmocka_unit_test_setup_teardown(
            a_site_that_the_scan_does_not_list_has_nothing_alive, start, end),
        cmocka_unit_test_setup_teardown(without_a_scan_in_the_window_ages_are_unknown,
                                        start, end),
        cmocka_unit_test_setup_teardown(
            generations_wider_than_a_quarter_of_the_window_say_nothing, start, end),
        cmocka_unit_test_setup_teardown(threads_are_aged_by_the_thread_table, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
