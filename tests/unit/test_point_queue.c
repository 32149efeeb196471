/* Changes come to the points of their sites, in order, whoever adds them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/point_queue.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SITES = 500, SNAPSHOTS = 700 }; /* more than two batches; one, where half of it */
static const uint64_t ROOM_BYTES = 256 << 20;

static struct seep_pool_budget budget;
static struct seep_counters truth[SITES][SNAPSHOTS];

static struct seep_counters counters_at(uint32_t site, uint32_t snapshot)
{
    uint64_t n = (uint64_t)snapshot * (site % 7); /* every seventh never changes */

    return (struct seep_counters){n, n / 2, n * 1000003, n * 77};
}

static int put(struct seep_point_queue *queue, struct seep_rec_site *sites, uint32_t site,
               uint32_t snapshot)
{
    struct seep_point_change change = {
        .site = site, .snapshot = snapshot, .counters = counters_at(site, snapshot)};

    truth[site][snapshot] = change.counters;
    return seep_point_queue_put(queue, sites, &change);
}

static void assert_points(const struct seep_rec_site *sites, uint32_t snapshots)
{
    for (uint32_t site = 0; site < SITES; site++) {
        struct seep_points_cursor at = seep_points_start(&sites[site].points);
        struct seep_counters before = {0};
        size_t points = 0;

        for (uint32_t i = 0; i < snapshots; i++) {
            if (memcmp(&truth[site][i], &before, sizeof(before)) == 0) {
                continue;
            }
            before = truth[site][i];
            assert_true(seep_points_next(&at));
            assert_int_equal(at.now.snapshot, i);
            assert_memory_equal(&at.now.counters, &before, sizeof(before));
            points++;
        }
        assert_int_equal(sites[site].points.count, points);
    }
}

static struct seep_point_queue queue_with(uint64_t room_bytes)
{
    atomic_init(&budget.left_bytes, room_bytes);
    return (struct seep_point_queue){.pool.budget = &budget};
}

static void points_are_those_that_were_put_through_several_batches(void **state)
{
    struct seep_point_queue queue = queue_with(ROOM_BYTES);
    struct seep_rec_site *sites = calloc(SITES, sizeof(*sites));

    (void)state;
    for (uint32_t i = 0; i < SNAPSHOTS; i++) {
        for (uint32_t site = 0; site < SITES; site++) {
            assert_int_equal(put(&queue, sites, site, i), 0);
        }
        if (i % 100 == 99) { /* the table moves */
            struct seep_rec_site *moved = calloc(SITES, sizeof(*moved));

            assert_int_equal(seep_point_queue_wait(&queue), 0);
            memcpy(moved, sites, SITES * sizeof(*moved));
            memset(sites, 0xee, SITES * sizeof(*sites));
            free(sites);
            sites = moved;
        }
    }
    assert_int_equal(seep_point_queue_flush(&queue, sites), 0);
    assert_points(sites, SNAPSHOTS);
    seep_point_queue_fini(&queue);
    assert_int_equal(budget.left_bytes, ROOM_BYTES);
    free(sites);
}

static void a_flush_adds_what_is_there_and_more_may_follow(void **state)
{
    struct seep_point_queue queue = queue_with(ROOM_BYTES);
    struct seep_rec_site *sites = calloc(SITES, sizeof(*sites));

    (void)state;
    assert_int_equal(seep_point_queue_flush(&queue, sites), 0);
    for (uint32_t i = 0; i < 20; i++) {
        for (uint32_t site = 0; site < SITES; site++) {
            assert_int_equal(put(&queue, sites, site, i), 0);
        }
        assert_int_equal(seep_point_queue_flush(&queue, sites), 0);
        assert_points(sites, i + 1);
    }
    seep_point_queue_fini(&queue);
    free(sites);
}

static void a_spent_budget_is_said_and_stays_said(void **state)
{
    struct seep_point_queue queue = queue_with(100 << 10);
    struct seep_rec_site *sites = calloc(SITES, sizeof(*sites));
    int status = 0;

    (void)state;
    for (uint32_t i = 0; i < SNAPSHOTS && status == 0; i++) {
        for (uint32_t site = 0; site < SITES && status == 0; site++) {
            status = put(&queue, sites, site, i);
        }
    }
    assert_int_equal(status, -ENOMEM);
    assert_int_equal(put(&queue, sites, 1, SNAPSHOTS - 1), -ENOMEM);
    assert_int_equal(seep_point_queue_wait(&queue), -ENOMEM);
    assert_int_equal(seep_point_queue_flush(&queue, sites), -ENOMEM);
    seep_point_queue_fini(&queue);
    free(sites);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_those_that_were_put_through_several_batches),
        cmocka_unit_test(a_flush_adds_what_is_there_and_more_may_follow),
        cmocka_unit_test(a_spent_budget_is_said_and_stays_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
