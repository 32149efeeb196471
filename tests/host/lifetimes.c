/* Every way in which threads end and are taken back, counted by the program itself: per
 * creating function [created, started, ended, joined, detached, left, cancelled].
 *
 * In the race each thread ends while two others contend for it: one wants to join it, one
 * to detach it. Who wins does so; the other must not touch it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 40, RACES = 4000, RUNNING = 3, FORGOTTEN = 4 };

static _Atomic int gone;    /* detached threads that are about to end */
static _Atomic int waiting; /* threads that have come to wait */

static void must(int result)
{
    if (result != 0) {
        abort();
    }
}

static void *run(void *argument)
{
    return argument;
}

static void *run_left(void *argument)
{
    pthread_exit(argument);
}

static void *run_raw(void *argument)
{
    (void)syscall(SYS_exit, 0);
    return argument;
}

static void *run_detached(void *argument)
{
    must(pthread_detach(pthread_self()));
    atomic_fetch_add(&gone, 1);
    return argument;
}

static void *run_until(void *semaphore)
{
    atomic_fetch_add(&waiting, 1);
    must(sem_wait(semaphore));
    return NULL;
}

static int run_c11(void *argument)
{
    if (argument != NULL) {
        thrd_exit(7);
    }
    return 7;
}

__attribute__((noinline)) static void make_returned(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;

        must(pthread_create(&thread, NULL, run, NULL));
        must(pthread_join(thread, NULL));
    }
}

__attribute__((noinline)) static void make_left(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;

        must(pthread_create(&thread, NULL, run_left, NULL));
        must(pthread_join(thread, NULL));
    }
}

__attribute__((noinline)) static void make_cancelled(void)
{
    sem_t never;

    must(sem_init(&never, 0, 0));
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;

        must(pthread_create(&thread, NULL, run_until, &never));
        must(pthread_cancel(thread));
        must(pthread_join(thread, NULL));
    }
}

/* Past the C library: no destructor runs. */
__attribute__((noinline)) static void make_raw(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;

        must(pthread_create(&thread, NULL, run_raw, NULL));
        must(pthread_join(thread, NULL));
    }
}

__attribute__((noinline)) static void make_c11(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        thrd_t thread;
        int result = 0;

        must(thrd_create(&thread, run_c11, i % 2 != 0 ? &thread : NULL) != thrd_success);
        must(thrd_join(thread, &result) != thrd_success || result != 7);
    }
}

__attribute__((noinline)) static void make_detached(void)
{
    int before = atomic_load(&gone);

    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;

        must(pthread_create(&thread, NULL, run_detached, NULL));
    }
    while (atomic_load(&gone) < before + ROUNDS) {
        sched_yield();
    }
}

/* What fails must not count: a second detach, a join of a detached thread, joins that
 * come too early. */
__attribute__((noinline)) static void make_refused(void)
{
    const struct timespec past = {.tv_sec = 1};
    static sem_t go;
    static sem_t end; /* who was detached may still be about to wake */

    must(sem_init(&go, 0, 0));
    must(sem_init(&end, 0, 0));
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t joined;
        pthread_t detached;

        must(pthread_create(&joined, NULL, run_until, &go));
        must(pthread_tryjoin_np(joined, NULL) != EBUSY);
        must(pthread_timedjoin_np(joined, NULL, &past) != ETIMEDOUT);
        must(sem_post(&go));
        must(pthread_join(joined, NULL));
        must(pthread_create(&detached, NULL, run_until, &end));
        must(pthread_detach(detached));
        must(pthread_detach(detached) != EINVAL);
        must(pthread_join(detached, NULL) != EINVAL);
        must(sem_post(&end));
    }
}

__attribute__((noinline)) static void make_forgotten(void)
{
    for (int i = 0; i < FORGOTTEN; i++) {
        pthread_t thread;

        must(pthread_create(&thread, NULL, i % 2 != 0 ? run : run_left, NULL));
    }
}

__attribute__((noinline)) static void make_running(void)
{
    static sem_t never;
    int before = atomic_load(&waiting);

    must(sem_init(&never, 0, 0));
    for (int i = 0; i < RUNNING; i++) {
        pthread_t thread;

        must(pthread_create(&thread, NULL, run_until, &never));
        if (i == 0) {
            must(pthread_detach(thread));
        }
    }
    while (atomic_load(&waiting) < before + RUNNING) {
        sched_yield();
    }
}

static struct {
    pthread_barrier_t begin, end;
    pthread_t target;
    _Atomic int taken; /* 1: somebody takes the target */
    long round;        /* of four the first is the joiner's, the second the detacher's */
    int joined, detached;
    bool over;
} contest;

/* me: 0 the joiner, 1 the detacher. */
static bool take(long me)
{
    long round = contest.round % 4;

    return round < 2 ? round == me : atomic_exchange(&contest.taken, 1) == 0;
}

static void *join_targets(void *unused)
{
    for (;;) {
        (void)pthread_barrier_wait(&contest.begin);
        if (contest.over) {
            return unused;
        }
        if (take(0)) {
            must(pthread_join(contest.target, NULL));
            contest.joined++;
        }
        (void)pthread_barrier_wait(&contest.end);
    }
}

static void *detach_targets(void *unused)
{
    for (;;) {
        (void)pthread_barrier_wait(&contest.begin);
        if (contest.over) {
            return unused;
        }
        if (take(1)) {
            must(pthread_detach(contest.target));
            contest.detached++;
        }
        (void)pthread_barrier_wait(&contest.end);
    }
}

/* Ends at the same moment as the others begin, more or less. */
static void *run_contested(void *spins)
{
    for (long i = (long)spins; i > 0; i--) {
        __asm__ volatile("");
    }
    atomic_fetch_add(&gone, 1);
    return NULL;
}

__attribute__((noinline)) static void race(void)
{
    int before = atomic_load(&gone);
    struct timespec pause = {.tv_nsec = 1000};

    for (long i = 0; i < RACES; i++) {
        atomic_store(&contest.taken, 0);
        contest.round = i;
        must(pthread_create(&contest.target, NULL, run_contested, (void *)(i % 64 * 64)));
        if (i % 3 == 0) {
            nanosleep(&pause, NULL); /* it may have ended before they begin */
        }
        (void)pthread_barrier_wait(&contest.begin);
        (void)pthread_barrier_wait(&contest.end);
    }
    while (atomic_load(&gone) < before + RACES) {
        sched_yield();
    }
}

__attribute__((noinline)) static void make_contestants(pthread_t threads[2])
{
    must(pthread_create(&threads[0], NULL, join_targets, NULL));
    must(pthread_create(&threads[1], NULL, detach_targets, NULL));
}

/* Waits until the kernel shows no more than `wanted` threads: detached ones are gone. */
static void settle(int wanted)
{
    int threads = wanted + 1;

    for (int tries = 0; threads > wanted && tries < 20000; tries++) {
        struct timespec pause = {.tv_nsec = 1000000};
        char line[256];
        FILE *status = fopen("/proc/self/status", "r");

        while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
            (void)sscanf(line, "Threads: %d", &threads);
        }
        if (status != NULL) {
            (void)fclose(status);
        }
        nanosleep(&pause, NULL);
    }
}

static void print(const char *name, const int row[7], const char *end)
{
    printf("\"%s\":[%d,%d,%d,%d,%d,%d,%d]%s", name, row[0], row[1], row[2], row[3],
           row[4], row[5], row[6], end);
}

int main(void)
{
    pthread_t contestants[2];

    must(pthread_barrier_init(&contest.begin, NULL, 3));
    must(pthread_barrier_init(&contest.end, NULL, 3));
    make_returned();
    make_left();
    make_cancelled();
    make_raw();
    make_c11();
    make_detached();
    make_refused();
    make_contestants(contestants);
    race();
    contest.over = true;
    (void)pthread_barrier_wait(&contest.begin);
    must(pthread_join(contestants[0], NULL));
    must(pthread_join(contestants[1], NULL));
    make_forgotten();
    make_running();
    settle(1 + RUNNING);
    printf("{");
    print("make_returned", (int[]){ROUNDS, ROUNDS, ROUNDS, ROUNDS, 0, 0, 0}, ",");
    print("make_left", (int[]){ROUNDS, ROUNDS, ROUNDS, ROUNDS, 0, ROUNDS, 0}, ",");
    print("make_cancelled", (int[]){ROUNDS, ROUNDS, ROUNDS, ROUNDS, 0, 0, ROUNDS}, ",");
    print("make_raw", (int[]){ROUNDS, ROUNDS, ROUNDS, ROUNDS, 0, 0, 0}, ",");
    print("make_c11", (int[]){ROUNDS, ROUNDS, ROUNDS, ROUNDS, 0, ROUNDS / 2, 0}, ",");
    print("make_detached", (int[]){ROUNDS, ROUNDS, ROUNDS, 0, ROUNDS, 0, 0}, ",");
    print("make_refused",
          (int[]){2 * ROUNDS, 2 * ROUNDS, 2 * ROUNDS, ROUNDS, ROUNDS, 0, 0}, ",");
    print("make_contestants", (int[]){2, 2, 2, 2, 0, 0, 0}, ",");
    print("race", (int[]){RACES, RACES, RACES, contest.joined, contest.detached, 0, 0},
          ",");
    print("make_forgotten",
          (int[]){FORGOTTEN, FORGOTTEN, FORGOTTEN, 0, 0, FORGOTTEN / 2, 0}, ",");
    print("make_running", (int[]){RUNNING, RUNNING, 0, 0, 1, 0, 0}, "}\n");
    return 0;
}
