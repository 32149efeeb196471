/* The tables of descriptors and timers: what a program cannot easily be made to do.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "holding.h"
#include "segment_map.h"
#include "shim_bench_self.h"

enum {
    MANY_TIMERS = 30000,
    ROUNDS_OF_MANY = 3,
    THREADS = 4,
    ROUNDS = 20000,
    NUMBERS = 8
};

static int start(void **state)
{
    (void)state;
    shim_bench_start();
    seep_guard_tls = shim_bench_self(0);
    seep_guard_tls->epoch = SEEP_EPOCH_FIRST;
    atomic_store(&seep_guard_words.epoch, SEEP_EPOCH_FIRST);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(seep_guard_tls);
    return 0;
}

/* As the wrappers do, with this frame as the caller. */
#define HERE (uintptr_t) __builtin_frame_address(0) + 8, 0

static uint64_t lost(void)
{
    return atomic_load(&seep_segment_header()->lost[SEEP_LOSS_HOLDINGS_FULL]);
}

/* Counters over all sites of a shard. */
static struct seep_counters total(uint32_t shard)
{
    struct seep_counters sum = {0};

    for (uint32_t site = 1; site < seep_segment_header()->site_count; site++) {
        sum.acquired += seep_segment_shard(shard)[site].acquired;
        sum.released += seep_segment_shard(shard)[site].released;
    }
    return sum;
}

static uint64_t held(struct seep_holding *table, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t slot = 0; slot < count; slot++) {
        sum += atomic_load(&table[slot].site) != 0;
    }
    return sum;
}

static void numbers_beyond_the_table_are_counted_as_lost(void **state)
{
    (void)state;
    seep_holding_fd_acquire(SEEP_FDS_MAX, HERE);
    seep_holding_fd_adopt(SEEP_FDS_MAX + 1, HERE);
    assert_int_equal(lost(), 2);
    assert_int_equal(seep_holding_fd_take(SEEP_FDS_MAX).site, 0);
    seep_holding_fd_acquire(SEEP_FDS_MAX - 1, HERE);
    assert_int_equal(lost(), 2);
    assert_int_equal(seep_segment_header()->fd_count, SEEP_FDS_MAX);
    seep_holding_fd_release_range(0, UINT32_MAX);
    assert_int_equal(total(0).acquired, 1);
    assert_int_equal(total(0).released, 1);
}

static void a_negative_number_is_nothing(void **state)
{
    (void)state;
    errno = EBADF;
    seep_holding_fd_acquire(-1, HERE);
    seep_holding_fd_replace(-1, HERE);
    seep_holding_fd_adopt(-1, HERE);
    assert_int_equal(seep_holding_fd_take(-1).site, 0);
    assert_int_equal(errno, EBADF);
    assert_int_equal(total(0).acquired, 0);
}

static void a_known_descriptor_is_not_adopted(void **state)
{
    (void)state;
    seep_holding_fd_acquire(5, HERE);
    seep_holding_fd_adopt(5, HERE);
    assert_int_equal(total(0).acquired, 1);
    seep_holding_fd_adopt(6, HERE);
    assert_int_equal(total(0).acquired, 2);
}

static void an_entry_comes_back_only_while_its_number_is_open(void **state)
{
    struct seep_holding_taken taken;
    int fd = open("/dev/null", O_RDONLY);

    (void)state;
    seep_holding_fd_acquire(fd, HERE);
    taken = seep_holding_fd_take(fd);
    seep_holding_fd_settle_or_restore(&taken);
    assert_int_not_equal(seep_segment_fds()[fd].site, 0);
    assert_int_equal(total(0).released, 0);
    taken = seep_holding_fd_take(fd);
    assert_int_equal(close(fd), 0);
    seep_holding_fd_settle_or_restore(&taken);
    assert_int_equal(seep_segment_fds()[fd].site, 0);
    assert_int_equal(total(0).released, 1);
}

static void an_entry_does_not_replace_the_next_owners(void **state)
{
    struct seep_holding_taken taken;
    int fd = open("/dev/null", O_RDONLY);

    (void)state;
    seep_holding_fd_acquire(fd, HERE);
    taken = seep_holding_fd_take(fd);
    seep_holding_fd_acquire(fd, HERE); /* another thread has got the number meanwhile */
    seep_holding_fd_settle_or_restore(&taken);
    assert_int_equal(total(0).acquired, 2);
    assert_int_equal(total(0).released, 1);
    assert_int_equal(close(fd), 0);
}

static void another_process_leaves_the_table_alone(void **state)
{
    (void)state;
    seep_holding_fd_acquire(7, HERE);
    seep_guard_vfork_sp = (uintptr_t)__builtin_frame_address(0) - 4096; /* or deeper */
    seep_segment_header()->pid++; /* as a vfork child sees it */
    seep_holding_fd_acquire(8, HERE);
    assert_int_equal(seep_holding_fd_take(7).site, 0);
    seep_holding_fd_release_range(0, UINT32_MAX);
    seep_holding_timer_acquire(1, HERE);
    assert_int_not_equal(seep_guard_vfork_sp, 0);
    seep_segment_header()->pid--;
    assert_int_equal(total(0).acquired, 1);
    assert_int_equal(total(0).released, 0);
    seep_holding_fd_acquire(8, HERE); /* the parent again */
    assert_int_equal(total(0).acquired, 2);
    assert_int_equal(seep_guard_vfork_sp, 0);
}

static void make_and_delete_many(void)
{
    for (uint64_t id = 0; id < MANY_TIMERS; id++) {
        seep_holding_timer_acquire(id * 4096, HERE);
    }
    assert_int_equal(held(seep_segment_timers(), seep_segment_header()->timer_count),
                     MANY_TIMERS);
    for (uint64_t id = 0; id < MANY_TIMERS; id++) {
        struct seep_holding_taken taken = seep_holding_timer_take(id * 4096);

        assert_int_not_equal(taken.site, 0);
        if (id % 3 == 0) {
            seep_holding_timer_restore(&taken);
            taken = seep_holding_timer_take(id * 4096);
        }
        seep_holding_timer_settle(&taken);
    }
}

static void many_timers_are_found_by_their_ids(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS_OF_MANY; round++) { /* slots are used again */
        make_and_delete_many();
    }
    assert_int_equal(seep_holding_timer_take(4096).site, 0);
    assert_int_equal(lost(), 0);
    assert_int_equal(held(seep_segment_timers(), SEEP_TIMERS_MAX), 0);
    assert_int_equal(total(0).acquired, ROUNDS_OF_MANY * MANY_TIMERS);
    assert_int_equal(total(0).released, ROUNDS_OF_MANY * MANY_TIMERS);
}

static void a_full_table_of_timers_is_counted_as_lost(void **state)
{
    (void)state;
    for (uint64_t id = 0; id < 2 * (uint64_t)SEEP_TIMERS_MAX; id++) {
        seep_holding_timer_acquire(id, HERE);
    }
    assert_true(lost() >= SEEP_TIMERS_MAX);
    assert_int_equal(total(0).acquired + lost(), 2 * (uint64_t)SEEP_TIMERS_MAX);
    assert_int_equal(held(seep_segment_timers(), SEEP_TIMERS_MAX), total(0).acquired);
}

static void a_timer_made_again_replaces_the_one_deleted_past_us(void **state)
{
    (void)state;
    seep_holding_timer_acquire(9, HERE);
    seep_holding_timer_acquire(9, HERE);
    assert_int_equal(total(0).acquired, 2);
    assert_int_equal(total(0).released, 1);
    assert_int_equal(held(seep_segment_timers(), SEEP_TIMERS_MAX), 1);
}

/* Threads that open, replace and close the same few numbers in any order. */
static void *scramble(void *shard)
{
    unsigned random = (unsigned)(uintptr_t)shard * 2654435761U;

    seep_guard_tls = shim_bench_self((uint32_t)(uintptr_t)shard);
    seep_guard_tls->epoch = SEEP_EPOCH_FIRST;
    for (int i = 0; i < ROUNDS; i++) {
        struct seep_holding_taken taken;

        random = random * 1664525 + 1013904223;
        int fd = (int)(random >> 16) % NUMBERS + 900;
        switch (random >> 30) {
        case 0:
            taken = seep_holding_fd_take(fd);
            seep_holding_fd_settle(&taken);
            break;
        case 1:
            taken = seep_holding_fd_take(fd);
            seep_holding_fd_settle_or_restore(&taken);
            break;
        case 2:
            seep_holding_timer_acquire((uint64_t)fd << 8 | (uintptr_t)shard, HERE);
            taken = seep_holding_timer_take((uint64_t)fd << 8 | (uintptr_t)shard);
            seep_holding_timer_settle(&taken);
            break;
        default:
            seep_holding_fd_acquire(fd, HERE);
        }
    }
    free(seep_guard_tls);
    return NULL;
}

static void the_sum_of_all_threads_balances(void **state)
{
    pthread_t threads[THREADS];
    uint64_t live = 0;

    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, scramble, (void *)i), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        live += total(i).acquired - total(i).released;
    }
    assert_int_equal(held(seep_segment_timers(), SEEP_TIMERS_MAX), 0);
    assert_int_equal(held(seep_segment_fds(), seep_segment_header()->fd_count), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_beyond_the_table_are_counted_as_lost,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_negative_number_is_nothing, start, stop),
        cmocka_unit_test_setup_teardown(a_known_descriptor_is_not_adopted, start, stop),
        cmocka_unit_test_setup_teardown(an_entry_comes_back_only_while_its_number_is_open,
                                        start, stop),
        cmocka_unit_test_setup_teardown(an_entry_does_not_replace_the_next_owners, start,
                                        stop),
        cmocka_unit_test_setup_teardown(another_process_leaves_the_table_alone, start,
                                        stop),
        cmocka_unit_test_setup_teardown(many_timers_are_found_by_their_ids, start, stop),
        cmocka_unit_test_setup_teardown(a_full_table_of_timers_is_counted_as_lost, start,
                                        stop),
        cmocka_unit_test_setup_teardown(
            a_timer_made_again_replaces_the_one_deleted_past_us, start, stop),
        cmocka_unit_test_setup_teardown(the_sum_of_all_threads_balances, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
