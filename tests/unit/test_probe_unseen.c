/* What a program notices of a look at its threads: nothing.
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

enum { ROUNDS = 20, PATIENCE_MS = 10000 };

enum wait_kind {
    IN_READ,
    IN_FUTEX,
    IN_TIMED_FUTEX,
    IN_NANOSLEEP,
    IN_POLL,
    IN_EPOLL,
    IN_ACCEPT,
    IN_TIMED_RECEIVE,
    IN_SIGWAIT,
    WAIT_KINDS
};
static const char *const kind_names[WAIT_KINDS] = {
    "read",       "futex",  "timed futex",         "nanosleep",   "poll",
    "epoll_wait", "accept", "recv with a timeout", "sigtimedwait"};

struct waiter {
    enum wait_kind kind;
    const struct seep_child *child;
};
struct told_end {
    enum wait_kind kind;
    int error;
};

static int listening_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un {
        sa_family_t family;
        char path[1];
    } address = {.family = AF_UNIX};

    (void)bind(fd, (struct sockaddr *)&address, sizeof(address.family));
    (void)listen(fd, 1);
    return fd;
}

static int wait_in_timed_receive(void)
{
    int pair[2];
    char byte = 0;
    struct timeval timeout = {.tv_sec = 100};

    (void)socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    (void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    return recv(pair[0], &byte, 1, 0) < 0 ? errno : 0;
}

/* Waits for what never comes. Returns: what ended the wait, as an errno. */
static int wait_in(enum wait_kind kind, const struct seep_child *child)
{
    struct pollfd poll_fd = {.fd = child->never[0], .events = POLLIN};
    struct timespec later = {.tv_sec = 100};
    struct epoll_event event = {.events = EPOLLIN};
    char byte = 0;
    sem_t semaphore;
    sigset_t set;
    int fd = 0;

    (void)sem_init(&semaphore, 0, 0);
    switch (kind) {
    case IN_READ:
        return read(child->never[0], &byte, 1) < 0 ? errno : 0;
    case IN_FUTEX:
        return sem_wait(&semaphore) < 0 ? errno : 0;
    case IN_TIMED_FUTEX:
        (void)clock_gettime(CLOCK_REALTIME, &later);
        later.tv_sec += 100;
        return sem_timedwait(&semaphore, &later) < 0 ? errno : 0;
    case IN_NANOSLEEP:
        return nanosleep(&later, NULL) < 0 ? errno : 0;
    case IN_POLL:
        return poll(&poll_fd, 1, -1) < 0 ? errno : 0;
    case IN_EPOLL:
        fd = epoll_create1(0);
        (void)epoll_ctl(fd, EPOLL_CTL_ADD, child->never[0], &event);
        return epoll_wait(fd, &event, 1, -1) < 0 ? errno : 0;
    case IN_ACCEPT:
        return accept(listening_socket(), NULL, NULL) < 0 ? errno : 0;
    case IN_TIMED_RECEIVE:
        return wait_in_timed_receive();
    default:
        (void)sigemptyset(&set);
        (void)sigaddset(&set, SIGRTMIN + 5);
        return sigtimedwait(&set, NULL, &later) < 0 ? errno : 0;
    }
}

static void *run_waiter(void *argument)
{
    const struct waiter *waiter = argument;
    uint32_t tid = (uint32_t)gettid();

    seep_child_tell(waiter->child, &tid, sizeof(tid));
    struct told_end told = {.kind = waiter->kind,
                            .error = wait_in(waiter->kind, waiter->child)};

    seep_child_tell(waiter->child, &told, sizeof(told));
    return NULL;
}

static void run_waiters(struct seep_child *child)
{
    static struct waiter waiters[WAIT_KINDS];
    pthread_t thread;
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGRTMIN + 5);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < WAIT_KINDS; i++) {
        waiters[i] = (struct waiter){.kind = (enum wait_kind)i, .child = child};
        (void)pthread_create(&thread, NULL, run_waiter, &waiters[i]);
    }
    for (;;) {
        (void)pause();
    }
}

static void no_system_call_sees_the_stop(void **state)
{
    struct seep_child child;
    uint32_t tids[WAIT_KINDS];
    struct seep_error error = {0};
    struct told_end told;

    (void)state;
    if (seep_child_begin(&child)) {
        run_waiters(&child);
    }
    seep_child_hear(&child, tids, sizeof(tids));
    for (int i = 0; i < ROUNDS; i++) {
        struct seep_stop_options options = {.together = i % 2 == 1};
        struct seep_probe *probe = NULL;

        for (size_t k = 0; k < WAIT_KINDS; k++) {
            seep_child_await(child.pid, tids[k], 'S');
        }
        assert_int_equal(
            seep_probe_threads(child.pid, tids, WAIT_KINDS, &options, &probe, &error), 0);
        for (size_t k = 0; k < WAIT_KINDS; k++) { /* a busy machine may make some late */
            int status = probe->threads[k].copy.status;

            assert_true(status == 0 || (options.together && status == -ETIME));
        }
        seep_probe_free(probe);
    }
    for (size_t k = 0; k < WAIT_KINDS; k++) {
        seep_child_await(child.pid, tids[k], 'S');
    }
    assert_int_equal(fcntl(child.told[0], F_SETFL, O_NONBLOCK), 0);
    if (read(child.told[0], &told, sizeof(told)) > 0) {
        fail_msg("%s ended: %s", kind_names[told.kind], strerror(told.error));
    }
    seep_child_end(&child);
}

static volatile sig_atomic_t signals_seen;

static void count_signal(int number)
{
    (void)number;
    signals_seen++;
}

static void signals_that_arrive_meanwhile_are_delivered(void **state)
{
    enum { SIGNALS = 3000 };
    struct seep_child child;
    int seen = 0;

    (void)state;
    if (seep_child_begin(&child)) {
        (void)signal(SIGRTMIN, count_signal);
        seep_child_tell(&child, &seen, sizeof(seen));
        while (signals_seen < SIGNALS) { /* until all are there, or for ever */
        }
        seen = signals_seen;
        seep_child_tell(&child, &seen, sizeof(seen));
        (void)pause();
    }
    seep_child_hear(&child, &seen, sizeof(seen));
    uint32_t tid = (uint32_t)child.pid;

    pid_t sender = fork();

    if (sender == 0) { /* real-time signals are queued, none is merged */
        for (int i = 0; i < SIGNALS; i += kill(child.pid, SIGRTMIN) == 0) {
            const struct timespec moment = {.tv_nsec = 1000};

            (void)nanosleep(&moment, NULL);
        }
        _exit(0);
    }
    while (waitpid(sender, NULL, WNOHANG) == 0) {
        struct seep_probe *probe = NULL;

        assert_int_equal(seep_probe_threads(child.pid, &tid, 1, NULL, &probe, NULL), 0);
        seep_probe_free(probe);
    }
    struct pollfd told = {.fd = child.told[0], .events = POLLIN};

    assert_int_equal(poll(&told, 1, PATIENCE_MS), 1);
    seep_child_hear(&child, &seen, sizeof(seen));
    assert_int_equal(seen, SIGNALS);
    seep_child_end(&child);
}

static void a_process_stopped_by_a_signal_stays_so_and_is_read(void **state)
{
    struct seep_child child;
    struct seep_child_stack told;
    struct seep_probe *probe = NULL;
    uint64_t tracer = 1;

    (void)state;
    if (seep_child_begin(&child)) {
        _exit(seep_child_outermost(&child));
    }
    seep_child_hear(&child, &told, sizeof(told));
    uint32_t tid = (uint32_t)child.pid;

    seep_child_await(child.pid, tid, 'S');
    assert_int_equal(kill(child.pid, SIGSTOP), 0);
    seep_child_await(child.pid, tid, 'T');
    assert_int_equal(seep_probe_threads(child.pid, &tid, 1, NULL, &probe, NULL), 0);
    seep_child_assert_stack(probe, 0, &told);
    seep_child_await(child.pid, tid, 'T');
    assert_int_equal(seep_child_state(child.pid, tid, &tracer), 'T');
    assert_int_equal(tracer, 0);
    assert_int_equal(kill(child.pid, SIGCONT), 0);
    seep_child_await(child.pid, tid, 'S');
    seep_probe_free(probe);
    seep_child_end(&child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_system_call_sees_the_stop),
        cmocka_unit_test(signals_that_arrive_meanwhile_are_delivered),
        cmocka_unit_test(a_process_stopped_by_a_signal_stays_so_and_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
