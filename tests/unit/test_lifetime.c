/* Lifetimes of threads by creation site: the table in the segment.
 *
 * SPDX-License-Identifier: MIT
 */
#include "lifetime.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "segment_map.h"
#include "shim_bench_self.h"

enum { THREADS = 4, RACED = 300, ROUNDS = 1000 };

static const uint32_t RETURNED = SEEP_THREAD_ENDED | SEEP_THREAD_RETURNED;

static int start(void **state)
{
    (void)state;
    shim_bench_start();
    return 0;
}

static int empty(void **state)
{
    (void)state;
    memset(seep_segment_lifetimes(), 0,
           SEEP_LIFETIMES_MAX * sizeof(struct seep_lifetime));
    atomic_store(&seep_segment_header()->lost[SEEP_LOSS_LIFETIMES_FULL], 0);
    return 0;
}

static struct seep_lifetime *at(uint32_t entry)
{
    return &seep_segment_lifetimes()[entry - 1];
}

static void a_site_keeps_its_entry(void **state)
{
    uint32_t first = seep_lifetime_of(1);
    uint32_t last = seep_lifetime_of(SEEP_SITES_MAX - 1);

    (void)state;
    assert_int_not_equal(first, 0);
    assert_int_not_equal(first, last);
    assert_int_equal(seep_lifetime_of(1), first);
    assert_int_equal(seep_lifetime_of(SEEP_SITES_MAX - 1), last);
    assert_int_equal(at(first)->site, 1);
    assert_int_equal(seep_lifetime_of(0), 0); /* a stack that could not be taken */
    assert_int_equal(seep_segment_header()->lost[SEEP_LOSS_LIFETIMES_FULL], 0);
}

static void a_full_table_is_counted_as_lost(void **state)
{
    uint32_t known = 0;
    uint32_t refused = 0;

    (void)state;
    for (uint32_t site = 1; site <= 2 * SEEP_LIFETIMES_MAX; site++) {
        uint32_t entry = seep_lifetime_of(site);

        known += entry != 0;
        refused += entry == 0;
        assert_true(entry <= SEEP_LIFETIMES_MAX);
        assert_true(entry == 0 || at(entry)->site == site);
        seep_lifetime_created(entry, false);
    }
    assert_int_equal(seep_segment_header()->lost[SEEP_LOSS_LIFETIMES_FULL], refused);
    assert_true(refused >= SEEP_LIFETIMES_MAX);
    assert_true(known > SEEP_LIFETIMES_MAX / 2); /* nobody is turned away early */
    for (uint32_t i = 1; i <= SEEP_LIFETIMES_MAX; i++) {
        assert_int_equal(at(i)->created, at(i)->site != 0); /* of one site each */
    }
}

static void lives_are_sorted_by_powers_of_two_of_microseconds(void **state)
{
    static const struct {
        uint64_t lived_ns;
        uint32_t bucket;
    } lives[] = {{0, 0},
                 {999, 0},
                 {1999, 0},
                 {2000, 1},
                 {3999, 1},
                 {4000, 2},
                 {1000000, 9},
                 {1024000, 10},
                 {UINT64_C(1000000000), 19},
                 {UINT64_MAX, SEEP_LIFETIME_BUCKETS - 1}};
    uint32_t entry = seep_lifetime_of(7);

    (void)state;
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        uint64_t before = at(entry)->buckets[lives[i].bucket];

        seep_lifetime_ended(entry, RETURNED, lives[i].lived_ns, 5);
        assert_int_equal(at(entry)->buckets[lives[i].bucket], before + 1);
    }
    assert_int_equal(at(entry)->ended, 10);
    assert_int_equal(at(entry)->cpu_ns, 50);
}

static void ways_to_end_are_told_apart(void **state)
{
    uint32_t entry = seep_lifetime_of(9);

    (void)state;
    seep_lifetime_ended(entry, RETURNED, 1, 0);
    seep_lifetime_ended(entry, SEEP_THREAD_ENDED | SEEP_THREAD_LEFT, 1, 0);
    seep_lifetime_ended(entry, SEEP_THREAD_ENDED, 1, 0);   /* cancelled */
    seep_lifetime_ended(entry, SEEP_THREAD_STARTED, 1, 0); /* past the C library */
    assert_int_equal(at(entry)->ended, 4);
    assert_int_equal(at(entry)->left, 1);
    assert_int_equal(at(entry)->cancelled, 1);
    seep_lifetime_ended(0, RETURNED, 1, 0); /* no entry: nothing happens */
    seep_lifetime_created(0, true);
}

static void *count_all(void *unused)
{
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t entry = seep_lifetime_of(1 + (uint32_t)round % RACED);

        seep_lifetime_created(entry, true);
        seep_lifetime_ended(entry, RETURNED, 10000, 1);
    }
    return unused;
}

static void threads_that_race_for_an_entry_share_it(void **state)
{
    pthread_t threads[THREADS];
    uint64_t created = 0;
    uint32_t taken = 0;

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_all, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (uint32_t i = 1; i <= SEEP_LIFETIMES_MAX; i++) {
        created += at(i)->created;
        taken += at(i)->site != 0;
        assert_int_equal(at(i)->created, at(i)->detached);
        assert_int_equal(at(i)->created, at(i)->ended);
    }
    assert_int_equal(taken, RACED);
    assert_int_equal(created, THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_site_keeps_its_entry, empty),
        cmocka_unit_test_setup(a_full_table_is_counted_as_lost, empty),
        cmocka_unit_test_setup(lives_are_sorted_by_powers_of_two_of_microseconds, empty),
        cmocka_unit_test_setup(ways_to_end_are_told_apart, empty),
        cmocka_unit_test_setup(threads_that_race_for_an_entry_share_it, empty),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
