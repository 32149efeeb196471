/* What is live over time, of one site and summed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "series/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SNAPSHOTS = 50, SITES = 20 };

static struct seep_pool_budget budget;
static struct seep_pool pool;
static struct seep_rec_snapshot snapshots[SNAPSHOTS];
static struct seep_rec_site sites[SITES];
static struct seep_counters truth[SITES][SNAPSHOTS];
static struct seep_recording recording;

/* Sites that change now and then; releases may be seen before their acquisitions. */
static int start(void **state)
{
    uint64_t random = 1;

    (void)state;
    budget.left_bytes = 1 << 20;
    pool = (struct seep_pool){.budget = &budget};
    for (uint32_t s = 0; s < SNAPSHOTS; s++) {
        snapshots[s].t_ns = (s + 1) * UINT64_C(1000000000);
        for (size_t i = 0; i < SITES; i++) {
            struct seep_counters *now = &truth[i][s];

            *now = s > 0 ? truth[i][s - 1] : (struct seep_counters){0};
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            if ((random >> 40) % 4 == 0) {
                now->acquired += (random >> 20) % 9;
                now->released += (random >> 30) % 9;
                now->acquired_bytes += (random >> 20) % 9 * 100;
                now->released_bytes += (random >> 30) % 9 * 100;
                assert_int_equal(seep_points_add(&sites[i].points, &pool, s, now), 0);
            }
        }
    }
    recording = (struct seep_recording){.snapshots = snapshots,
                                        .snapshot_count = SNAPSHOTS,
                                        .sites = sites,
                                        .site_count = SITES};
    return 0;
}

static int end(void **state)
{
    (void)state;
    seep_pool_fini(&pool);
    return 0;
}

static double live_of(const struct seep_counters *c)
{
    return c->acquired > c->released ? (double)(c->acquired - c->released) : 0;
}

static double bytes_of(const struct seep_counters *c)
{
    return c->acquired_bytes > c->released_bytes
               ? (double)(c->acquired_bytes - c->released_bytes)
               : 0;
}

static void a_site_keeps_its_value_until_its_next_point(void **state)
{
    struct seep_series series;

    (void)state;
    assert_int_equal(seep_series_new(&recording, &series), 0);
    for (uint32_t site = 0; site < SITES; site++) {
        seep_series_read(&series, &recording, site);
        for (size_t s = 0; s < SNAPSHOTS; s++) {
            assert_true(series.live[s] == live_of(&truth[site][s]));
            assert_true(series.live_bytes[s] == bytes_of(&truth[site][s]));
        }
    }
    seep_series_free(&series);
}

static void a_sum_is_that_of_its_sites_at_each_snapshot(void **state)
{
    struct seep_series series;

    (void)state;
    assert_int_equal(seep_series_new(&recording, &series), 0);
    seep_series_sum_begin(&series);
    for (uint32_t site = 3; site < SITES; site += 2) {
        seep_series_sum_add(&series, &recording, site);
    }
    seep_series_sum_add(&series, &recording, SITES + 7); /* there is none */
    seep_series_sum_end(&series);
    for (size_t s = 0; s < SNAPSHOTS; s++) {
        double live = 0;
        double bytes = 0;

        for (size_t site = 3; site < SITES; site += 2) {
            live += live_of(&truth[site][s]);
            bytes += bytes_of(&truth[site][s]);
        }
        assert_true(series.live[s] == live);
        assert_true(series.live_bytes[s] == bytes);
    }
    seep_series_free(&series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_keeps_its_value_until_its_next_point),
        cmocka_unit_test(a_sum_is_that_of_its_sites_at_each_snapshot),
    };

    return cmocka_run_group_tests(tests, start, end);
}
