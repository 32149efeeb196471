/* What a program does while its threads are looked at: exec, fork, threads that come and
 * go, death; and the death of whoever looks.
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

enum { TIDS_MAX = 64 };

static void *exec_at_once(void *path)
{
    execl("/proc/self/exe", "test_probe", (const char *)path, (char *)NULL);
    _exit(98);
}

/* Execs itself for ever from a thread that is not its first; see main. */
static void run_execs(void)
{
    pthread_t thread;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)pthread_create(&thread, NULL, exec_at_once, (void *)"exec");
    for (;;) {
        (void)pause();
    }
}

static size_t tids_of(pid_t pid, uint32_t tids[static TIDS_MAX])
{
    char path[64];
    size_t n = 0;

    tids[n++] = (uint32_t)pid;
    for (uint32_t tid = (uint32_t)pid + 1; tid < (uint32_t)pid + TIDS_MAX; tid++) {
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%" PRIu32, (int)pid, tid);
        if (access(path, F_OK) == 0) {
            tids[n++] = tid;
        }
    }
    return n;
}

static void exec_from_a_thread_is_said_and_leaves_nobody_stopped(void **state)
{
    struct seep_child child;
    int clear = 0;

    (void)state;
    if (seep_child_begin(&child)) {
        run_execs();
    }
    for (int i = 0; i < 60; i++) {
        struct seep_probe *probe = NULL;
        struct seep_error error = {0};
        uint32_t tids[TIDS_MAX];
        size_t n = tids_of(child.pid, tids);
        uint64_t tracer = 1;
        int status = seep_probe_threads(child.pid, tids, n, NULL, &probe, &error);

        if (status != 0 && status != -ESTALE && status != -ESRCH) {
            fail_msg("%d: %s", status, error.message);
        }
        clear += status == -ESTALE;
        if (status == 0) {
            seep_probe_free(probe);
        }
        assert_true(seep_child_state(child.pid, (uint32_t)child.pid, &tracer) != 't');
        assert_int_equal(tracer, 0);
    }
    assert_true(clear > 0);
    assert_int_equal(waitpid(child.pid, NULL, WNOHANG), 0); /* it lives */
    seep_child_end(&child);
}

static void *short_life(void *argument)
{
    (void)argument;
    return NULL;
}

static void threads_and_forks_come_and_go_under_the_eyes_of_the_probe(void **state)
{
    struct seep_child child;

    (void)state;
    if (seep_child_begin(&child)) {
        for (;;) {
            pthread_t thread;
            pid_t pid = 0;

            if (pthread_create(&thread, NULL, short_life, NULL) == 0) {
                (void)pthread_join(thread, NULL);
            }
            pid = fork();
            if (pid == 0) {
                _exit(7);
            }
            int status = 0;

            if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7) {
                _exit(97); /* a child was lost or stopped */
            }
        }
    }
    for (int i = 0; i < 60; i++) {
        struct seep_probe *probe = NULL;
        uint32_t tids[TIDS_MAX];
        size_t n = tids_of(child.pid, tids);
        uint64_t tracer = 1;

        assert_int_equal(seep_probe_threads(child.pid, tids, n, NULL, &probe, NULL), 0);
        for (size_t k = 0; k < probe->thread_count; k++) {
            int status = probe->threads[k].copy.status;

            assert_true(status == 0 || status == -ESRCH);
        }
        seep_probe_free(probe);
        assert_true(seep_child_state(child.pid, (uint32_t)child.pid, &tracer) != 't');
        assert_int_equal(tracer, 0);
    }
    assert_int_equal(waitpid(child.pid, NULL, WNOHANG), 0);
    seep_child_end(&child);
}

static void a_process_that_dies_in_the_middle_is_said(void **state)
{
    (void)state;
    for (int i = 0; i < 25; i++) {
        struct seep_child child;
        struct seep_probe *probe = NULL;
        struct seep_error error = {0};
        struct seep_child_stack told;

        if (seep_child_begin(&child)) {
            _exit(seep_child_outermost(&child));
        }
        seep_child_hear(&child, &told, sizeof(told));
        uint32_t tid = (uint32_t)child.pid;

        if (fork() == 0) { /* a killer that is not the prober */
            const struct timespec moment = {.tv_nsec = i * 20000};

            (void)nanosleep(&moment, NULL);
            (void)kill((pid_t)tid, SIGKILL);
            _exit(0);
        }
        int status = seep_probe_threads(child.pid, &tid, 1, NULL, &probe, &error);

        assert_true(status == 0 || status == -ESRCH);
        if (status == 0) {
            seep_probe_free(probe);
        } else {
            assert_true(error.message[0] != '\0');
        }
        (void)waitpid(-1, NULL, 0);
        (void)waitpid(-1, NULL, 0);
        for (int k = 0; k < 2; k++) {
            close(child.told[k]);
            close(child.never[k]);
        }
    }
}

static void hold_for_ever(void *argument)
{
    const int *fd = argument;

    (void)!write(*fd, "s", 1);
    for (;;) {
        (void)pause();
    }
}

static void a_prober_that_is_killed_leaves_nobody_stopped(void **state)
{
    struct seep_child child;
    struct seep_child_stack told;
    int ready[2];
    char byte = 0;

    (void)state;
    if (seep_child_begin(&child)) {
        _exit(seep_child_outermost(&child));
    }
    seep_child_hear(&child, &told, sizeof(told));
    uint32_t tid = (uint32_t)child.pid;

    seep_child_await(child.pid, tid, 'S');
    assert_int_equal(pipe(ready), 0);
    pid_t prober = fork();

    if (prober == 0) {
        struct seep_probe *probe = NULL;
        struct seep_stop_options options = {
            .together = true, .while_stopped = hold_for_ever, .context = &ready[1]};

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)seep_probe_threads(child.pid, &tid, 1, &options, &probe, NULL);
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    seep_child_await(child.pid, tid, 't'); /* it does stand still */
    assert_int_equal(kill(prober, SIGKILL), 0);
    assert_int_equal(waitpid(prober, NULL, 0), prober);
    seep_child_await(child.pid, tid, 'S');
    seep_child_assert_free(child.pid, tid);
    close(ready[0]);
    close(ready[1]);
    seep_child_end(&child);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exec_from_a_thread_is_said_and_leaves_nobody_stopped),
        cmocka_unit_test(threads_and_forks_come_and_go_under_the_eyes_of_the_probe),
        cmocka_unit_test(a_process_that_dies_in_the_middle_is_said),
        cmocka_unit_test(a_prober_that_is_killed_leaves_nobody_stopped),
    };

    if (argc > 1 && strcmp(argv[1], "exec") == 0) {
        run_execs();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
