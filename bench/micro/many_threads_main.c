/* Many threads: that wait for ever, that wake each second, or that are made and joined as
 * fast as it goes.
 *
 *     bench-many-threads idle|waking THREADS SECONDS
 *     bench-many-threads churn MAKERS SECONDS
 *
 * Prints one JSON line: how many threads, the CPU time that the process took from when
 * all were there, and for churn how many were made in how long.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MOST = 20000, STACK_BYTES = 64 << 10, BATCH = 50 };

static sem_t never;
static pthread_attr_t attributes;
static _Atomic int ready;
static _Atomic uint64_t made;
static _Atomic int over;

static double clock_s(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void sleep_s(double seconds)
{
    struct timespec pause = {.tv_sec = (time_t)seconds,
                             .tv_nsec =
                                 (long)((seconds - (double)(time_t)seconds) * 1e9)};

    (void)nanosleep(&pause, NULL);
}

static void *idle(void *unused)
{
    atomic_fetch_add(&ready, 1);
    (void)sem_wait(&never);
    return unused;
}

static void *waking(void *unused)
{
    atomic_fetch_add(&ready, 1);
    for (;;) {
        sleep_s(1);
    }
    return unused;
}

static void *nothing(void *unused)
{
    return unused;
}

static void *make_and_join(void *unused)
{
    while (atomic_load(&over) == 0) {
        for (int i = 0; i < BATCH; i++) {
            pthread_t thread;

            if (pthread_create(&thread, &attributes, nothing, NULL) != 0) {
                abort();
            }
            (void)pthread_join(thread, NULL);
        }
        atomic_fetch_add(&made, BATCH);
    }
    return unused;
}

int main(int argc, char **argv)
{
    static pthread_t threads[THREADS_MOST];
    const char *shape = argc > 1 ? argv[1] : "";
    int count = argc > 2 ? atoi(argv[2]) : 0;
    double seconds = argc > 3 ? atof(argv[3]) : 0;
    void *(*run)(void *) = strcmp(shape, "idle") == 0     ? idle
                           : strcmp(shape, "waking") == 0 ? waking
                                                          : make_and_join;
    double began_s = 0;
    double began_cpu_s = 0;

    if (argc != 4 || count < 1 || count > THREADS_MOST || seconds <= 0) {
        fprintf(stderr, "usage: %s idle|waking|churn THREADS SECONDS\n", argv[0]);
        return 2;
    }
    (void)sem_init(&never, 0, 0);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    began_s = clock_s(CLOCK_MONOTONIC);
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], &attributes, run, NULL) != 0) {
            fprintf(stderr, "%s: no more than %d threads\n", argv[0], i);
            return 3;
        }
    }
    while (run != make_and_join && atomic_load(&ready) < count) {
        sleep_s(0.01);
    }
    began_cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    sleep_s(seconds);
    atomic_store(&over, 1);
    for (int i = 0; run == make_and_join && i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    printf("{\"threads\":%d,\"cpu_s\":%.6f,\"made\":%llu,\"wall_s\":%.3f}\n", count,
           clock_s(CLOCK_PROCESS_CPUTIME_ID) - began_cpu_s,
           (unsigned long long)atomic_load(&made), clock_s(CLOCK_MONOTONIC) - began_s);
    return 0;
}
