/* A program whose threads wait in known places, for `seep threads`.
 *
 * Each kind of wait has a function of its own that never returns; a wait that ends is
 * told on stdout. The program says "ready" when all threads have begun and then sleeps.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { IN_MUTEX = 3, IN_CONDITION = 5 };

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t free_one = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t begun;
static pthread_t joined;
static int pipe_fds[2];

static void ended(const char *wait, int error)
{
    printf("ended: %s: %s\n", wait, strerror(error));
    (void)fflush(stdout);
}

static void *waits_for_mutex(void *name)
{
    (void)pthread_barrier_wait(&begun);
    ended(name, pthread_mutex_lock(&held));
    return NULL;
}

static void *waits_for_condition(void *name)
{
    (void)pthread_barrier_wait(&begun);
    (void)pthread_mutex_lock(&free_one);
    ended(name, pthread_cond_wait(&never, &free_one));
    return NULL;
}

static void *waits_for_semaphore(void *name)
{
    sem_t semaphore;

    (void)sem_init(&semaphore, 0, 0);
    (void)pthread_barrier_wait(&begun);
    ended(name, sem_wait(&semaphore) < 0 ? errno : 0);
    return NULL;
}

static void *waits_for_pipe(void *name)
{
    char byte = 0;

    (void)pthread_barrier_wait(&begun);
    ended(name, read(pipe_fds[0], &byte, 1) < 0 ? errno : 0);
    return NULL;
}

static void *waits_for_join(void *name)
{
    (void)pthread_barrier_wait(&begun);
    ended(name, pthread_join(joined, NULL));
    return NULL;
}

static void *waits_for_time(void *name)
{
    const struct timespec hour = {.tv_sec = 3600};

    (void)pthread_barrier_wait(&begun);
    ended(name, nanosleep(&hour, NULL) < 0 ? errno : 0);
    return NULL;
}

static void *waits_for_events(void *name)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = epoll_create1(0);

    (void)epoll_ctl(fd, EPOLL_CTL_ADD, pipe_fds[0], &event);
    (void)pthread_barrier_wait(&begun);
    ended(name, epoll_wait(fd, &event, 1, -1) < 0 ? errno : 0);
    return NULL;
}

static void *runs_in_a_loop(void *name)
{
    (void)name;
    (void)pthread_barrier_wait(&begun);
    for (volatile unsigned long i = 0;; i++) {
    }
    return NULL;
}

static pthread_t start(void *(*routine)(void *), const char *name)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, routine, (void *)name) != 0) {
        exit(2);
    }
    (void)pthread_setname_np(thread, name);
    return thread;
}

int main(void)
{
    char name[16];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)pthread_mutex_lock(&held);
    if (pipe(pipe_fds) != 0 ||
        pthread_barrier_init(&begun, NULL, IN_MUTEX + IN_CONDITION + 7) != 0) {
        return 2;
    }
    joined = start(waits_for_time, "sleeper");
    for (int i = 0; i < IN_MUTEX; i++) {
        (void)snprintf(name, sizeof(name), "locker-%d", i);
        (void)start(waits_for_mutex, strdup(name));
    }
    for (int i = 0; i < IN_CONDITION; i++) {
        (void)snprintf(name, sizeof(name), "worker-%d", i);
        (void)start(waits_for_condition, strdup(name));
    }
    (void)start(waits_for_semaphore, "semaphore");
    (void)start(waits_for_pipe, "reader");
    (void)start(waits_for_join, "joiner");
    (void)start(waits_for_events, "poller");
    (void)start(runs_in_a_loop, "runner");
    (void)pthread_barrier_wait(&begun);
    puts("ready");
    (void)fflush(stdout);
    for (;;) {
        (void)pause();
    }
}
