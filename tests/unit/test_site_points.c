/* A site's points, packed and read back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/site_points.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load/recording_pool.h"

enum { POINTS = 3000 };

static struct seep_pool_budget budget;
static struct seep_pool pool;

static int start(void **state)
{
    (void)state;
    budget.left_bytes = 16 << 20;
    pool = (struct seep_pool){.budget = &budget};
    return 0;
}

static int end(void **state)
{
    (void)state;
    seep_pool_fini(&pool);
    return 0;
}

/* Source: Steele, Lea, Flood 2014, SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Counters and gaps of every width, so that each length of a difference comes. */
static struct seep_rec_point make(uint64_t *state, uint32_t before)
{
    uint32_t gap = 1 + (uint32_t)(next_random(state) >> (32 + next_random(state) % 32));

    return (struct seep_rec_point){
        .snapshot = before + gap % (1 << 20),
        .counters = {next_random(state) >> next_random(state) % 64,
                     next_random(state) >> next_random(state) % 64,
                     next_random(state) >> next_random(state) % 64,
                     next_random(state) >> next_random(state) % 64}};
}

static void points_of_any_size_come_back_as_they_were(void **state)
{
    static struct seep_rec_point written[POINTS];
    struct seep_points points = {0};
    struct seep_points_cursor at;
    uint64_t random_state = 1;

    (void)state;
    for (size_t i = 0; i < POINTS; i++) {
        written[i] = make(&random_state, i > 0 ? written[i - 1].snapshot : 0);
        assert_int_equal(
            seep_points_add(&points, &pool, written[i].snapshot, &written[i].counters),
            0);
    }
    at = seep_points_start(&points);
    for (size_t i = 0; i < POINTS; i++) {
        assert_true(seep_points_next(&at));
        assert_int_equal(at.now.snapshot, written[i].snapshot);
        assert_memory_equal(&at.now.counters, &written[i].counters,
                            sizeof(at.now.counters));
    }
    assert_false(seep_points_next(&at));
    assert_int_equal(points.last_snapshot, written[POINTS - 1].snapshot);
    assert_memory_equal(&points.last, &written[POINTS - 1].counters, sizeof(points.last));
}

static void a_state_holds_until_the_next_point(void **state)
{
    struct seep_points points = {0};

    (void)state;
    assert_int_equal(seep_points_at(&points, 5).acquired, 0);
    (void)seep_points_add(&points, &pool, 3, &(struct seep_counters){.acquired = 7});
    (void)seep_points_add(&points, &pool, 900, &(struct seep_counters){.acquired = 5});
    assert_int_equal(seep_points_at(&points, 2).acquired, 0);
    assert_int_equal(seep_points_at(&points, 3).acquired, 7);
    assert_int_equal(seep_points_at(&points, 899).acquired, 7);
    assert_int_equal(seep_points_at(&points, 900).acquired, 5);
    assert_int_equal(seep_points_at(&points, SIZE_MAX).acquired, 5);
}

static void both_ends_are_what_each_is_by_itself(void **state)
{
    enum { SNAPSHOTS = 30 };
    struct seep_points points = {0};
    struct seep_counters counters = {0};

    (void)state;
    for (uint32_t i = 3; i < SNAPSHOTS - 5; i += 4) {
        counters.acquired += i;
        assert_int_equal(seep_points_add(&points, &pool, i, &counters), 0);
        for (size_t a = 0; a < SNAPSHOTS; a++) {
            for (size_t b = a; b < SNAPSHOTS; b++) {
                struct seep_points_pair both = seep_points_at_both(&points, a, b);

                assert_int_equal(both.first.acquired,
                                 seep_points_at(&points, a).acquired);
                assert_int_equal(both.last.acquired, seep_points_at(&points, b).acquired);
            }
        }
    }
}

static void the_state_at_a_snapshot_is_that_of_its_newest_point(void **state)
{
    static struct seep_rec_point written[POINTS];
    static const struct seep_rec_point none;
    struct seep_points points = {0};
    uint64_t random_state = 2;

    (void)state;
    for (uint32_t i = 0; i < POINTS; i++) {
        written[i] = make(&random_state, 0);
        written[i].snapshot = 5 + 3 * i;
        assert_int_equal(
            seep_points_add(&points, &pool, written[i].snapshot, &written[i].counters),
            0);
    }
    for (uint32_t at = 0; at < 3 * POINTS + 9; at++) {
        size_t newer = at < 5 ? 0 : (at - 5) / 3 + 1;
        const struct seep_rec_point *expected =
            newer == 0 ? &none : &written[(newer < POINTS ? newer : POINTS) - 1];
        struct seep_counters found = seep_points_at(&points, at);
        struct seep_points_cursor cursor = seep_points_seek(&points, at);

        assert_memory_equal(&found, &expected->counters, sizeof(found));
        assert_true(cursor.now.snapshot <= at);
        while (cursor.now.snapshot <= at && seep_points_next(&cursor)) {
        }
        if (newer < POINTS) {
            assert_memory_equal(&cursor.now.counters, &written[newer].counters,
                                sizeof(found));
        }
    }
}

static void a_small_change_costs_a_quarter_of_a_struct(void **state)
{
    struct seep_points points = {0};
    struct seep_counters counters = {0};

    (void)state;
    for (uint32_t i = 0; i < 400000; i++) {
        counters.acquired += 5;
        counters.released += 4;
        counters.acquired_bytes += 5 * 64;
        counters.released_bytes += 4 * 64;
        assert_int_equal(seep_points_add(&points, &pool, i, &counters), 0);
    }
    assert_true(pool.taken_bytes < 400000 * sizeof(struct seep_rec_point) / 4);
}

static void points_end_with_the_budget(void **state)
{
    struct seep_points points = {0};
    struct seep_counters counters = {1, 0, 1, 0};
    uint32_t added = 0;

    (void)state;
    budget.left_bytes = 8 << 10;
    while (seep_points_add(&points, &pool, added, &counters) == 0) {
        added++;
        counters.acquired++;
    }
    assert_int_equal(seep_points_add(&points, &pool, added, &counters), -ENOMEM);
    assert_int_equal(points.count, added);
    assert_int_equal(points.last_snapshot, added - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(points_of_any_size_come_back_as_they_were, start,
                                        end),
        cmocka_unit_test_setup_teardown(a_state_holds_until_the_next_point, start, end),
        cmocka_unit_test_setup_teardown(both_ends_are_what_each_is_by_itself, start, end),
        cmocka_unit_test_setup_teardown(
            the_state_at_a_snapshot_is_that_of_its_newest_point, start, end),
        cmocka_unit_test_setup_teardown(a_small_change_costs_a_quarter_of_a_struct, start,
                                        end),
        cmocka_unit_test_setup_teardown(points_end_with_the_budget, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
