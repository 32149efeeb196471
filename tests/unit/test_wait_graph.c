/* The wait-for graph: where chains end, cycles, and the words for them.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "waits/wait_graph.h"

enum { MANY = 20000 };

static struct seep_wait_thread thread_of(uint32_t tid, uint32_t owner_tid)
{
    return (struct seep_wait_thread){.tid = tid,
                                     .owner_tid = owner_tid,
                                     .kind = owner_tid != 0 ? SEEP_WAIT_MUTEX
                                                            : SEEP_WAIT_UNKNOWN,
                                     .address = 0x1000,
                                     .name = "",
                                     .place = "",
                                     .call = ""};
}

static void chains_end_at_what_the_last_owner_does(void **state)
{
    struct seep_wait_thread threads[] = {thread_of(1, 2), thread_of(2, 3),
                                         thread_of(3, 0), thread_of(4, 9),
                                         thread_of(5, 6), thread_of(6, 0)};
    struct seep_wait_chain chains[6];

    (void)state;
    threads[5].call = "read";
    assert_int_equal(seep_wait_graph_solve(threads, 6, chains), 0);
    assert_int_equal(chains[0].shape, SEEP_CHAIN_RUNNING);
    assert_int_equal(chains[0].steps, 2);
    assert_int_equal(chains[0].last, 2);
    assert_int_equal(chains[1].steps, 1);
    assert_int_equal(chains[2].shape, SEEP_CHAIN_NONE);
    assert_int_equal(chains[3].shape, SEEP_CHAIN_OWNER_ENDED);
    assert_int_equal(chains[3].last, 3);
    assert_int_equal(chains[4].shape, SEEP_CHAIN_BLOCKED);
    assert_int_equal(chains[4].owner, 5);
    assert_int_equal(chains[3].owner, SEEP_CHAIN_NO_OWNER);
    assert_int_equal(chains[4].last, 5);
}

static void cycles_are_found_from_wherever_one_starts(void **state)
{
    struct seep_wait_thread threads[] = {thread_of(1, 4), thread_of(2, 3),
                                         thread_of(3, 4), thread_of(4, 2),
                                         thread_of(5, 1)};
    struct seep_wait_chain chains[5];

    (void)state;
    assert_int_equal(seep_wait_graph_solve(threads, 5, chains), 0);
    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(chains[i].shape, SEEP_CHAIN_CYCLE);
        assert_int_equal(chains[i].steps, 3);
        assert_int_equal(chains[i].last, 1);
    }
    assert_int_equal(chains[0].shape, SEEP_CHAIN_INTO_CYCLE);
    assert_int_equal(chains[4].shape, SEEP_CHAIN_INTO_CYCLE);
    assert_int_equal(chains[4].last, 1);
}

static void a_lock_taken_twice_is_a_cycle_of_one(void **state)
{
    struct seep_wait_thread threads[] = {thread_of(7, 7)};
    struct seep_wait_chain chains[1];

    (void)state;
    assert_int_equal(seep_wait_graph_solve(threads, 1, chains), 0);
    assert_int_equal(chains[0].shape, SEEP_CHAIN_CYCLE);
    assert_int_equal(chains[0].steps, 1);
}

/* The truth by another way: following the owners n times and looking whether one comes
 * back. */
static void random_graphs_agree_with_plain_following(void **state)
{
    enum { N = 40 };
    struct seep_wait_thread threads[N];
    struct seep_wait_chain chains[N];
    unsigned seed = 20261127;

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        for (uint32_t i = 0; i < N; i++) {
            threads[i] = thread_of(i + 1, (uint32_t)rand_r(&seed) % (N + 3));
        }
        assert_int_equal(seep_wait_graph_solve(threads, N, chains), 0);
        for (uint32_t i = 0; i < N; i++) {
            uint32_t at = i;
            uint32_t steps = 0;
            bool returned = false;

            while (steps < N && threads[at].owner_tid != 0 &&
                   threads[at].owner_tid <= N && !returned) {
                at = threads[at].owner_tid - 1;
                steps++;
                returned = at == i;
            }
            assert_int_equal(chains[i].shape == SEEP_CHAIN_CYCLE, returned);
            if (returned) {
                assert_int_equal(chains[i].steps, steps);
            } else if (threads[at].owner_tid > N) {
                assert_int_equal(chains[i].shape, SEEP_CHAIN_OWNER_ENDED);
                assert_int_equal(chains[i].last, at);
            }
        }
    }
}

static void a_queue_of_many_is_no_deep_recursion(void **state)
{
    struct seep_wait_thread *threads = calloc(MANY, sizeof(*threads));
    struct seep_wait_chain *chains = calloc(MANY, sizeof(*chains));

    (void)state;
    assert_non_null(threads);
    assert_non_null(chains);
    for (uint32_t i = 0; i < MANY; i++) {
        threads[i] = thread_of(i + 1, i + 2 <= MANY ? i + 2 : 0);
    }
    assert_int_equal(seep_wait_graph_solve(threads, MANY, chains), 0);
    assert_int_equal(chains[0].steps, MANY - 1);
    free(chains);
    free(threads);
}

static void expect_words(const struct seep_wait_thread *threads, size_t n, size_t index,
                         const char *expected)
{
    struct seep_wait_chain chains[8];
    struct seep_buf words = {0};

    assert_int_equal(seep_wait_graph_solve(threads, n, chains), 0);
    seep_wait_graph_words(threads, chains, index, &words);
    seep_buf_put(&words, "", 1);
    assert_false(words.failed);
    assert_string_equal((const char *)words.data, expected);
    seep_buf_fini(&words);
}

static void a_chain_is_told_in_words(void **state)
{
    struct seep_wait_thread threads[] = {thread_of(7, 8),   thread_of(8, 7),
                                         thread_of(9, 10),  thread_of(10, 0),
                                         thread_of(11, 44), thread_of(12, 7)};

    (void)state;
    threads[0].name = "hub";
    threads[0].place = "hub_send (hub.c:120)";
    threads[1].name = "store";
    threads[2].kind = SEEP_WAIT_JOIN;
    threads[3].call = "read of pipe:[17]";
    threads[3].blocked_s = 55;
    threads[3].place = "pump (pump.c:9)";
    expect_words(threads, 6, 0,
                 "hub (tid 7) waits in hub_send (hub.c:120) for the mutex 0x1000 held by "
                 "store (tid 8), which waits for the mutex 0x1000 held by hub (tid 7): a "
                 "cycle of 2");
    expect_words(threads, 6, 2,
                 "thread 9 waits to join thread 10, which is blocked in pump (pump.c:9): "
                 "read of pipe:[17] for 55 s");
    expect_words(
        threads, 6, 4,
        "thread 11 waits for the mutex 0x1000 held by thread 44, which has ended");
    expect_words(
        threads, 6, 5,
        "thread 12 waits for the mutex 0x1000 held by hub (tid 7), which is part "
        "of a cycle of 2");
}

static void a_lock_taken_twice_is_told_as_such(void **state)
{
    struct seep_wait_thread threads[] = {thread_of(7, 7)};

    (void)state;
    threads[0].name = "gc";
    expect_words(threads, 1, 0,
                 "gc (tid 7) waits for the mutex 0x1000 held by gc (tid 7): itself");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_end_at_what_the_last_owner_does),
        cmocka_unit_test(cycles_are_found_from_wherever_one_starts),
        cmocka_unit_test(a_lock_taken_twice_is_a_cycle_of_one),
        cmocka_unit_test(random_graphs_agree_with_plain_following),
        cmocka_unit_test(a_queue_of_many_is_no_deep_recursion),
        cmocka_unit_test(a_chain_is_told_in_words),
        cmocka_unit_test(a_lock_taken_twice_is_told_as_such),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
