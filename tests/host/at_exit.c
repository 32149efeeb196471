/* A program as a test is one: it makes a thread and ends, with or without having taken it
 * back. What its argument names:
 *
 *     joined    the thread is joined
 *     late      it is detached, and ends a moment after main has
 *     raw       it is detached, and has ended by the system call exit
 *     running   it waits for ever
 *     at_once   the same, and the program ends by _exit
 *     unjoined  it has ended, and nobody joins it
 *     asks      what seep_threads_live says meanwhile: the counts are checked, the rows
 *               printed
 *
 * SPDX-License-Identifier: MIT
 */
#include "seep/seep.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LATE_NS = 200000000 };
static const uint64_t GRACE_NS = 20000000000;

static sem_t never, go;
static _Atomic int begun;

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "at_exit: %s\n", what);
        abort();
    }
}

static void *wait_for_ever(void *unused)
{
    pthread_setname_np(pthread_self(), "forgetful");
    atomic_store(&begun, 1);
    sem_wait(&never);
    return unused;
}

static void *wait_for_go(void *unused)
{
    sem_wait(&go);
    return unused;
}

static void *end_late(void *unused)
{
    const struct timespec pause = {.tv_nsec = LATE_NS};

    nanosleep(&pause, NULL);
    return unused;
}

static void *end_raw(void *unused)
{
    atomic_store(&begun, 1);
    syscall(SYS_exit, 0);
    return unused;
}

static void *end_at_once(void *unused)
{
    return unused;
}

__attribute__((noinline)) static pthread_t start_worker(void *(*run)(void *))
{
    pthread_t thread;

    must(pthread_create(&thread, NULL, run, NULL) == 0, "pthread_create");
    return thread;
}

static void wait_until_begun(void)
{
    while (atomic_load(&begun) == 0) {
        sched_yield();
    }
}

static int print_row(void *rows, const struct seep_live_thread *thread)
{
    uintptr_t stack[8];

    must(thread->tid == 0 || thread->tid != (uint32_t)getpid(), "main is not among them");
    must(seep_stack(thread->site, stack, 8) > 1, "a row has a creation stack");
    must(thread->age_ns < GRACE_NS * 10 && thread->stack_bytes >= 65536,
         "a row makes sense");
    printf("%d %s %s %s %d\n", *(int *)rows, thread->name, thread->subsystem,
           thread->state == SEEP_THREAD_IS_RUNNING ? "running" : "unjoined",
           thread->is_detached);
    ++*(int *)rows;
    return 0;
}

static int stop_at_once(void *unused, const struct seep_live_thread *thread)
{
    (void)unused;
    (void)thread;
    return 1;
}

static int ask(void)
{
    int rows = 0;
    pthread_t ended;

    sem_init(&go, 0, 0);
    must(seep_threads_live(NULL, NULL) == 0, "nobody is there at first");
    must(seep_threads_settle(GRACE_NS) == 0, "and nobody is waited for");
    ended = start_worker(end_at_once);
    must(seep_threads_settle(GRACE_NS) == 0, "a thread that ends is waited for");
    must(seep_threads_live(NULL, NULL) == 1, "and is there until it is joined");
    {
        SEEP_SUBSYSTEM("pool");
        pthread_detach(start_worker(wait_for_go));
    }
    (void)start_worker(wait_for_ever);
    wait_until_begun();
    must(seep_threads_settle(1000000) == 2, "two run");
    must(seep_threads_live(stop_at_once, NULL) == 1, "a visit may end early");
    must(seep_threads_live(print_row, &rows) == 3 && rows == 3, "three rows");
    pthread_join(ended, NULL);
    sem_post(&go);
    while (seep_threads_live(NULL, NULL) > 1) {
        sched_yield();
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";

    sem_init(&never, 0, 0);
    if (strcmp(how, "asks") == 0) {
        return seep_present() ? ask() : seep_threads_live(NULL, NULL);
    }
    if (strcmp(how, "joined") == 0) {
        pthread_join(start_worker(end_late), NULL);
    } else if (strcmp(how, "late") == 0) {
        pthread_detach(start_worker(end_late));
    } else if (strcmp(how, "raw") == 0) {
        pthread_detach(start_worker(end_raw));
        wait_until_begun();
    } else if (strcmp(how, "unjoined") == 0) {
        (void)start_worker(end_at_once);
    } else if (strcmp(how, "running") == 0 || strcmp(how, "at_once") == 0) {
        (void)start_worker(wait_for_ever);
        wait_until_begun();
    } else {
        return 2;
    }
    if (strcmp(how, "at_once") == 0) {
        _exit(0);
    }
    return 0;
}
