/* What a thread waits for: kinds by call and names, owners from real objects.
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

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "waits/wait_kind.h"

static struct seep_wait_call futex_call(uint64_t operation, uint64_t value)
{
    return (struct seep_wait_call){.number = SYS_futex,
                                   .arguments = {0x1000, operation, value}};
}

static enum seep_wait_kind kind_in(struct seep_wait_call call, const char *function)
{
    const char *stack[] = {NULL, NULL, function, "worker_main"};

    return seep_wait_kind_of(&call, stack, 4);
}

static const uint64_t wait_bitset = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG;
static const uint64_t wait_plain = FUTEX_WAIT | FUTEX_PRIVATE_FLAG;

static void the_function_on_the_stack_tells_the_kind(void **state)
{
    struct seep_wait_call call = futex_call(wait_bitset, 0);

    (void)state;
    assert_int_equal(kind_in(call, "pthread_cond_wait"), SEEP_WAIT_CONDITION);
    assert_int_equal(kind_in(call, "__GI___pthread_cond_timedwait"), SEEP_WAIT_CONDITION);
    assert_int_equal(kind_in(call, "pthread_cond_wait@@GLIBC_2.3.2"),
                     SEEP_WAIT_CONDITION);
    assert_int_equal(kind_in(call, "sem_wait"), SEEP_WAIT_SEMAPHORE);
    assert_int_equal(kind_in(call, "pthread_barrier_wait"), SEEP_WAIT_BARRIER);
    assert_int_equal(kind_in(call, "pthread_rwlock_wrlock"), SEEP_WAIT_RWLOCK);
    assert_int_equal(kind_in(call, "__pthread_clockjoin_ex"), SEEP_WAIT_JOIN);
    assert_int_equal(kind_in(futex_call(wait_plain, 2), "pthread_mutex_lock"),
                     SEEP_WAIT_MUTEX);
    assert_int_equal(kind_in(call, "std::__atomic_futex_unsigned_base::wait"),
                     SEEP_WAIT_FUTEX);
}

static void a_programs_own_function_is_not_taken_for_the_librarys(void **state)
{
    struct seep_wait_call call = futex_call(wait_bitset, 0);
    const char *far[] = {NULL, "a", "b", "c", "d", "e", "sem_wait"};

    (void)state;
    assert_int_equal(kind_in(call, "sem_wait_for_all"), SEEP_WAIT_FUTEX);
    assert_int_equal(kind_in(call, "sem"), SEEP_WAIT_FUTEX);
    assert_int_equal(seep_wait_kind_of(&call, far, 7), SEEP_WAIT_FUTEX);
}

static void a_woken_waiter_that_wants_its_mutex_waits_for_the_mutex(void **state)
{
    (void)state;
    assert_int_equal(kind_in(futex_call(wait_plain, 2), "pthread_cond_wait"),
                     SEEP_WAIT_MUTEX);
    assert_int_equal(kind_in(futex_call(wait_bitset, 2), "pthread_cond_wait"),
                     SEEP_WAIT_CONDITION);
}

static void only_futex_calls_have_a_kind(void **state)
{
    struct seep_wait_call call = {.number = SYS_read};

    (void)state;
    assert_int_equal(kind_in(call, "pthread_cond_wait"), SEEP_WAIT_UNKNOWN);
}

static void priority_inheriting_locks_are_known_by_the_call(void **state)
{
    (void)state;
    assert_int_equal(kind_in(futex_call(FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0), NULL),
                     SEEP_WAIT_MUTEX);
}

static void a_timeout_is_seen(void **state)
{
    struct seep_wait_call call = futex_call(wait_bitset, 0);

    (void)state;
    assert_false(seep_wait_is_timed(&call));
    call.arguments[3] = 0x7f0000001000;
    assert_true(seep_wait_is_timed(&call));
    call = (struct seep_wait_call){.number = SYS_clock_nanosleep};
    assert_true(seep_wait_is_timed(&call));
    call = (struct seep_wait_call){.number = SYS_epoll_wait, .arguments = {3, 1, 1, 10}};
    assert_true(seep_wait_is_timed(&call));
    call.arguments[3] = UINT32_MAX; /* -1, as the kernel's registers have it */
    assert_false(seep_wait_is_timed(&call));
    call = (struct seep_wait_call){.number = SYS_poll, .arguments = {1, 1, UINT32_MAX}};
    assert_false(seep_wait_is_timed(&call));
    assert_true(seep_wait_is_open(&call));
    call = (struct seep_wait_call){.number = SYS_read, .arguments = {3, 1, 1, 1}};
    assert_false(seep_wait_is_timed(&call));
    assert_false(seep_wait_is_open(&call));
}

static uint32_t owner_of_mutex(int type, int robust, int protocol)
{
    uint8_t bytes[SEEP_WAIT_OBJECT_BYTES] = {0};
    pthread_mutexattr_t attributes;
    pthread_mutex_t mutex;
    uint32_t owner = 0;

    assert_int_equal(pthread_mutexattr_init(&attributes), 0);
    assert_int_equal(pthread_mutexattr_settype(&attributes, type), 0);
    assert_int_equal(pthread_mutexattr_setrobust(&attributes, robust), 0);
    assert_int_equal(pthread_mutexattr_setprotocol(&attributes, protocol), 0);
    assert_int_equal(pthread_mutex_init(&mutex, &attributes), 0);
    memcpy(bytes, &mutex, sizeof(mutex));
    assert_int_equal(seep_wait_owner(SEEP_WAIT_MUTEX, bytes), 0); /* nobody's */
    assert_int_equal(pthread_mutex_lock(&mutex), 0);
    memcpy(bytes, &mutex, sizeof(mutex));
    owner = seep_wait_owner(SEEP_WAIT_MUTEX, bytes);
    assert_int_equal(pthread_mutex_unlock(&mutex), 0);
    memcpy(bytes, &mutex, sizeof(mutex));
    assert_int_equal(seep_wait_owner(SEEP_WAIT_MUTEX, bytes), 0);
    (void)pthread_mutex_destroy(&mutex);
    (void)pthread_mutexattr_destroy(&attributes);
    return owner;
}

static void every_type_of_mutex_names_its_owner(void **state)
{
    const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
                         PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP};
    const int robusts[] = {PTHREAD_MUTEX_STALLED, PTHREAD_MUTEX_ROBUST};
    const int protocols[] = {PTHREAD_PRIO_NONE, PTHREAD_PRIO_INHERIT};

    (void)state;
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(
            owner_of_mutex(types[i % 4], robusts[i / 4 % 2], protocols[i / 8]), gettid());
    }
}

static void an_rwlock_names_its_writer_and_no_reader(void **state)
{
    uint8_t bytes[SEEP_WAIT_OBJECT_BYTES] = {0};
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

    (void)state;
    assert_int_equal(pthread_rwlock_rdlock(&lock), 0);
    memcpy(bytes, &lock, sizeof(lock));
    assert_int_equal(seep_wait_owner(SEEP_WAIT_RWLOCK, bytes), 0);
    assert_int_equal(pthread_rwlock_unlock(&lock), 0);
    assert_int_equal(pthread_rwlock_wrlock(&lock), 0);
    memcpy(bytes, &lock, sizeof(lock));
    assert_int_equal(seep_wait_owner(SEEP_WAIT_RWLOCK, bytes), gettid());
    assert_int_equal(pthread_rwlock_unlock(&lock), 0);
}

static void both_futexes_of_an_rwlock_lead_to_its_start(void **state)
{
    (void)state;
    assert_int_equal(seep_wait_object_start(SEEP_WAIT_RWLOCK, 0x1008), 0x1000);
    assert_int_equal(seep_wait_object_start(SEEP_WAIT_RWLOCK, 0x100c), 0x1000);
    assert_int_equal(seep_wait_object_start(SEEP_WAIT_MUTEX, 0x1000), 0x1000);
}

static void a_join_names_the_thread_that_is_joined(void **state)
{
    uint8_t bytes[SEEP_WAIT_OBJECT_BYTES] = {0x39, 0x30};

    (void)state;
    assert_int_equal(seep_wait_owner(SEEP_WAIT_JOIN, bytes), 12345);
    assert_int_equal(seep_wait_owner(SEEP_WAIT_CONDITION, bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_function_on_the_stack_tells_the_kind),
        cmocka_unit_test(a_programs_own_function_is_not_taken_for_the_librarys),
        cmocka_unit_test(a_woken_waiter_that_wants_its_mutex_waits_for_the_mutex),
        cmocka_unit_test(only_futex_calls_have_a_kind),
        cmocka_unit_test(priority_inheriting_locks_are_known_by_the_call),
        cmocka_unit_test(a_timeout_is_seen),
        cmocka_unit_test(every_type_of_mutex_names_its_owner),
        cmocka_unit_test(an_rwlock_names_its_writer_and_no_reader),
        cmocka_unit_test(both_futexes_of_an_rwlock_lead_to_its_start),
        cmocka_unit_test(a_join_names_the_thread_that_is_joined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
