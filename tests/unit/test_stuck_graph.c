/* Fates of blocked threads: what is certain, what is not, what is none of our business.
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

#include "verdict/stuck_graph.h"

enum { MAX = 6 };

static struct seep_stuck_thread threads[MAX];
static struct seep_wait_chain chains[MAX];
static struct seep_stuck_fate fates[MAX];

/* Thread `tid` is blocked; owner_tid 0 = in a condition variable. */
static void waits(uint32_t tid, enum seep_wait_kind kind, uint32_t owner_tid)
{
    threads[tid - 1] = (struct seep_stuck_thread){.wait = {.tid = tid,
                                                           .owner_tid = owner_tid,
                                                           .kind = kind,
                                                           .address = 0x1000,
                                                           .name = "",
                                                           .place = "",
                                                           .call = "futex"},
                                                  .blocked = true};
}

static void runs(uint32_t tid)
{
    threads[tid - 1] = (struct seep_stuck_thread){
        .wait = {.tid = tid, .name = "", .place = "", .call = ""}};
}

static void judge(size_t n)
{
    assert_int_equal(seep_stuck_judge(threads, n, chains, fates), 0);
}

static void expect(size_t tid, enum seep_stuck_why why, enum seep_verdict verdict,
                   uint32_t root_tid)
{
    assert_int_equal(fates[tid - 1].why, why);
    assert_int_equal(fates[tid - 1].verdict, verdict);
    assert_int_equal(fates[tid - 1].root + 1, root_tid);
}

static void a_worker_without_work_is_idle(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_CONDITION, 0);
    waits(2, SEEP_WAIT_SEMAPHORE, 0);
    waits(3, SEEP_WAIT_FD, 0);
    judge(3);
    expect(1, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 1);
    expect(2, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 2);
    expect(3, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 3);
}

static void main_that_joins_its_workers_is_idle(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_JOIN, 2);
    waits(2, SEEP_WAIT_CONDITION, 0);
    waits(3, SEEP_WAIT_JOIN, 4);
    runs(4);
    judge(4);
    expect(1, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 1);
    expect(3, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 3);
}

static void a_cycle_is_definite_and_so_is_who_waits_for_it(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_MUTEX, 3);
    waits(2, SEEP_WAIT_MUTEX, 3);
    waits(3, SEEP_WAIT_RWLOCK, 2);
    waits(4, SEEP_WAIT_JOIN, 1);
    judge(4);
    expect(2, SEEP_STUCK_CYCLE, SEEP_VERDICT_DEFINITE, 2);
    expect(3, SEEP_STUCK_CYCLE, SEEP_VERDICT_DEFINITE, 2);
    expect(1, SEEP_STUCK_BEHIND, SEEP_VERDICT_DEFINITE, 2);
    expect(4, SEEP_STUCK_BEHIND, SEEP_VERDICT_DEFINITE, 2);
}

static void a_cycle_of_joins_is_one_as_well(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_JOIN, 2);
    waits(2, SEEP_WAIT_JOIN, 1);
    judge(2);
    expect(1, SEEP_STUCK_CYCLE, SEEP_VERDICT_DEFINITE, 1);
}

static void a_cycle_in_which_one_moved_is_a_picture_of_two_instants(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_MUTEX, 2);
    waits(2, SEEP_WAIT_MUTEX, 1);
    waits(3, SEEP_WAIT_MUTEX, 1);
    threads[1].blocked = false;
    judge(3);
    expect(1, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 1);
    expect(2, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 2);
    expect(3, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 3);
}

static void an_orphaned_lock_is_definite_and_its_first_waiter_answers(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_MUTEX, 99);
    waits(2, SEEP_WAIT_MUTEX, 99);
    waits(3, SEEP_WAIT_JOIN, 2);
    judge(3);
    expect(1, SEEP_STUCK_OWNER_ENDED, SEEP_VERDICT_DEFINITE, 1);
    expect(2, SEEP_STUCK_OWNER_ENDED, SEEP_VERDICT_DEFINITE, 1);
    expect(3, SEEP_STUCK_BEHIND, SEEP_VERDICT_DEFINITE, 1);
}

static void two_orphaned_locks_are_two_findings(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_MUTEX, 99);
    waits(2, SEEP_WAIT_MUTEX, 99);
    threads[1].wait.address = 0x2000;
    judge(2);
    expect(1, SEEP_STUCK_OWNER_ENDED, SEEP_VERDICT_DEFINITE, 1);
    expect(2, SEEP_STUCK_OWNER_ENDED, SEEP_VERDICT_DEFINITE, 2);
}

static void a_join_of_a_thread_that_has_just_ended_is_about_to_return(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_JOIN, 99);
    judge(1);
    expect(1, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 1);
}

static void who_can_be_woken_by_nobody_is_definite(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_CONDITION, 0);
    threads[0].unreachable = true;
    waits(2, SEEP_WAIT_JOIN, 1);
    waits(3, SEEP_WAIT_CONDITION, 0);
    judge(3);
    expect(1, SEEP_STUCK_UNREACHABLE, SEEP_VERDICT_DEFINITE, 1);
    expect(2, SEEP_STUCK_BEHIND, SEEP_VERDICT_DEFINITE, 1);
    expect(3, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 3);
}

static void a_lock_held_by_a_blocked_thread_is_probable(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_MUTEX, 2);
    waits(2, SEEP_WAIT_FD, 0);
    judge(2);
    expect(1, SEEP_STUCK_HELD, SEEP_VERDICT_PROBABLE, 2);
    expect(2, SEEP_STUCK_NOT, SEEP_VERDICT_NONE, 2);
}

static void a_lock_held_by_a_thread_that_goes_on_is_no_finding(void **state)
{
    (void)state;
    waits(1, SEEP_WAIT_MUTEX, 2);
    runs(2);
    waits(3, SEEP_WAIT_MUTEX, 4);
    waits(4, SEEP_WAIT_FD, 0);
    threads[3].blocked = false; /* waits, but has moved */
    judge(4);
    expect(1, SEEP_STUCK_HELD_LONG, SEEP_VERDICT_NONE, 2);
    expect(3, SEEP_STUCK_HELD_LONG, SEEP_VERDICT_NONE, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_without_work_is_idle),
        cmocka_unit_test(main_that_joins_its_workers_is_idle),
        cmocka_unit_test(a_cycle_is_definite_and_so_is_who_waits_for_it),
        cmocka_unit_test(a_cycle_of_joins_is_one_as_well),
        cmocka_unit_test(a_cycle_in_which_one_moved_is_a_picture_of_two_instants),
        cmocka_unit_test(an_orphaned_lock_is_definite_and_its_first_waiter_answers),
        cmocka_unit_test(two_orphaned_locks_are_two_findings),
        cmocka_unit_test(a_join_of_a_thread_that_has_just_ended_is_about_to_return),
        cmocka_unit_test(who_can_be_woken_by_nobody_is_definite),
        cmocka_unit_test(a_lock_held_by_a_blocked_thread_is_probable),
        cmocka_unit_test(a_lock_held_by_a_thread_that_goes_on_is_no_finding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
