/* Stacks of a child taken from outside, against what the child knows of itself; and who
 * cannot be looked at.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach/probe.h"
#include "probe_child.h"

static void the_stack_of_a_blocked_process_is_its_own_backtrace(void **state)
{
    struct seep_child child;
    struct seep_child_stack told;
    struct seep_probe *probe = NULL;
    struct seep_error error = {0};

    (void)state;
    if (seep_child_begin(&child)) {
        _exit(seep_child_outermost(&child));
    }
    seep_child_hear(&child, &told, sizeof(told));
    seep_child_await(child.pid, (uint32_t)child.pid, 'S');
    uint32_t tid = (uint32_t)child.pid;

    assert_int_equal(seep_probe_threads(child.pid, &tid, 1, NULL, &probe, &error), 0);
    assert_int_equal(probe->thread_count, 1);
    assert_int_equal(probe->threads[0].copy.status, 0);
    seep_child_assert_stack(probe, 0, &told);
    assert_true(probe->stop_total_ns > 0);
    assert_int_equal(probe->stop_total_ns, probe->stop_longest_ns);
    assert_true(probe->threads[0].frames[0].exact);
    assert_true(probe->modules[probe->threads[0].frames[0].module].build_id_bytes > 0);
    seep_child_assert_free(child.pid, tid);
    seep_probe_free(probe);
    seep_child_end(&child);
}

static void *thread_of_stack(void *child)
{
    return (void *)(intptr_t)seep_child_outermost(child);
}

static void threads_are_looked_at_together_when_asked(void **state)
{
    enum { THREADS = 8 };
    struct seep_child child;
    struct seep_child_stack told[THREADS];
    uint32_t tids[THREADS + 1];
    struct seep_probe *probe = NULL;
    struct seep_error error = {0};
    /* as long as a busy machine needs to give each of them a CPU */
    struct seep_stop_options options = {.together = true, .wait_most_ns = 10000000000};

    (void)state;
    if (seep_child_begin(&child)) {
        pthread_t thread;

        for (int i = 0; i < THREADS; i++) {
            (void)pthread_create(&thread, NULL, thread_of_stack, &child);
        }
        (void)pause();
    }
    for (int i = 0; i < THREADS; i++) {
        seep_child_hear(&child, &told[i], sizeof(told[i]));
    }
    /* Threads of a process that has nothing else have the numbers after its own. */
    for (uint32_t i = 0; i <= THREADS; i++) {
        tids[i] = (uint32_t)child.pid;
    }
    size_t n = 1;

    for (uint32_t tid = (uint32_t)child.pid + 1; n <= THREADS && tid < UINT32_MAX;
         tid++) {
        uint64_t tracer = 0;

        if (seep_child_state(child.pid, tid, &tracer) != 0) {
            tids[n++] = tid;
        }
    }
    for (size_t i = 0; i < n; i++) {
        seep_child_await(child.pid, tids[i], 'S');
    }
    assert_int_equal(seep_probe_threads(child.pid, tids, n, &options, &probe, &error), 0);
    assert_int_equal(probe->stopped, THREADS + 1);
    for (size_t i = 1; i < n; i++) {
        size_t same = 0;

        assert_int_equal(probe->threads[i].copy.status, 0);
        while (same < THREADS && /* whose it is: by the address of its first frames */
               seep_child_address(probe, i, probe->threads[i].frame_count - 1) !=
                   (uint64_t)(uintptr_t)told[same].frames[told[same].count - 1]) {
            same++;
        }
        assert_true(same < THREADS);
        seep_child_assert_stack(probe, i, &told[same]);
        seep_child_assert_free(child.pid, tids[i]);
    }
    seep_probe_free(probe);
    seep_child_end(&child);
}

/* --- what cannot be stopped --- */

static void *block_in_vfork(void *argument)
{
    const struct seep_child *child = argument;
    uint32_t tid = (uint32_t)gettid();

    seep_child_tell(child, &tid, sizeof(tid));
    if (vfork() == 0) { /* until this one ends, its parent is in uninterruptible sleep */
        char byte = 0;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)read(child->never[0], &byte, 1);
        _exit(0);
    }
    seep_child_tell(child, &tid, sizeof(tid));
    (void)pause();
    return NULL;
}

static void uninterruptible_sleep_is_said_and_does_not_hold_us(void **state)
{
    struct seep_child child;
    struct seep_probe *probe = NULL;
    uint32_t tids[2];
    uint32_t again = 0;
    uint64_t tracer = 1;

    (void)state;
    if (seep_child_begin(&child)) {
        pthread_t thread;

        (void)pthread_create(&thread, NULL, block_in_vfork, &child);
        for (;;) {
            (void)pause();
        }
    }
    seep_child_hear(&child, &tids[0], sizeof(tids[0]));
    tids[1] = (uint32_t)child.pid;
    seep_child_await(child.pid, tids[0], 'D');
    for (int together = 0; together < 2; together++) {
        struct seep_stop_options options = {.together = together != 0};

        assert_int_equal(seep_probe_threads(child.pid, tids, 2, &options, &probe, NULL),
                         0);
        assert_int_equal(probe->threads[0].copy.status, -ETIME);
        assert_int_equal(probe->threads[0].frame_count, 0);
        assert_int_equal(probe->threads[1].copy.status, 0);
        assert_true(probe->threads[1].frame_count > 0);
        seep_probe_free(probe);
        assert_int_equal(seep_child_state(child.pid, tids[0], &tracer), 'D');
        assert_int_equal(tracer, 0);
    }
    /* It wakes, and nothing of us is left in it. */
    assert_int_equal(write(child.never[1], "x", 1), 1);
    seep_child_hear(&child, &again, sizeof(again));
    assert_int_equal(again, tids[0]);
    seep_child_await(child.pid, tids[0], 'S');
    seep_child_assert_free(child.pid, tids[0]);
    seep_child_end(&child);
}

static void who_is_not_there_is_said(void **state)
{
    struct seep_child child;
    struct seep_probe *probe = NULL;
    struct seep_error error = {0};

    (void)state;
    if (seep_child_begin(&child)) {
        _exit(0);
    }
    uint32_t tids[2] = {(uint32_t)child.pid, 1};

    assert_int_equal(waitpid(child.pid, NULL, 0), child.pid);
    assert_int_equal(seep_probe_threads(child.pid, tids, 1, NULL, &probe, &error),
                     -ESRCH);
    assert_non_null(strstr(error.message, "no process"));
    tids[0] = (uint32_t)getpid() + 1000000000; /* not ours; and one of another process */
    assert_int_equal(seep_probe_threads(getppid(), tids, 1, NULL, &probe, &error),
                     -ESRCH);
    close(child.told[0]);
    close(child.told[1]);
    close(child.never[0]);
    close(child.never[1]);
}

static void a_process_under_a_debugger_is_said(void **state)
{
    struct seep_child child;
    struct seep_probe *probe = NULL;
    struct seep_error error = {0};
    struct seep_child_stack told;
    char wanted[64];

    (void)state;
    if (seep_child_begin(&child)) {
        _exit(seep_child_outermost(&child));
    }
    seep_child_hear(&child, &told, sizeof(told));
    uint32_t tid = (uint32_t)child.pid;

    assert_int_equal(ptrace(PTRACE_SEIZE, child.pid, NULL, NULL), 0);
    assert_int_equal(seep_probe_threads(child.pid, &tid, 1, NULL, &probe, &error),
                     -EBUSY);
    (void)snprintf(wanted, sizeof(wanted), "(pid %d)", (int)getpid());
    assert_non_null(strstr(error.message, wanted));
    seep_child_end(&child);
}

static void another_users_process_is_refused_with_the_reason(void **state)
{
    struct seep_child child;
    int status = 0;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    if (seep_child_begin(&child)) { /* a stranger looks at us */
        struct seep_probe *probe = NULL;
        struct seep_error error = {0};
        uint32_t tid = (uint32_t)getppid();

        if (setresuid(65534, 65534, 65534) != 0) {
            _exit(77);
        }
        int result = seep_probe_threads((pid_t)tid, &tid, 1, NULL, &probe, &error);

        _exit(result == -EPERM && strstr(error.message, "another user") != NULL ? 0 : 1);
    }
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    assert_int_equal(WEXITSTATUS(status), 0);
    close(child.told[0]);
    close(child.told[1]);
    close(child.never[0]);
    close(child.never[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stack_of_a_blocked_process_is_its_own_backtrace),
        cmocka_unit_test(threads_are_looked_at_together_when_asked),
        cmocka_unit_test(uninterruptible_sleep_is_said_and_does_not_hold_us),
        cmocka_unit_test(who_is_not_there_is_said),
        cmocka_unit_test(a_process_under_a_debugger_is_said),
        cmocka_unit_test(another_users_process_is_refused_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
