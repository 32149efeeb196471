/* Every way in which a thread is made and ends. Prints how many are live at the end, per
 * creating function: [created, released, ended and unjoined].
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 50, MANY = 300 };

static _Atomic int ended;
static pthread_key_t key;

static void *run(void *argument)
{
    void *volatile memory = malloc(100);

    pthread_setspecific(key, malloc(24));
    free(memory);
    atomic_fetch_add(&ended, 1);
    return argument;
}

/* Names itself: a thread that has already ended cannot be named by its creator. */
static void *run_named(void *argument)
{
    pthread_setname_np(pthread_self(), "forgotten");
    return run(argument);
}

static void *run_exit(void *argument)
{
    atomic_fetch_add(&ended, 1);
    pthread_exit(argument);
}

static void *run_for_ever(void *argument)
{
    for (;;) {
        pause();
    }
    return argument;
}

static int run_c11(void *argument)
{
    return argument == NULL ? 7 : 8;
}

__attribute__((noinline)) static void make_joined(void)
{
    pthread_t thread;
    struct timespec deadline = {.tv_sec = time(NULL) + 60};

    for (int i = 0; i < ROUNDS; i++) {
        pthread_create(&thread, NULL, i % 2 != 0 ? run : run_exit, NULL);
        if (i % 4 == 0) {
            pthread_join(thread, NULL);
        } else if (i % 4 == 1) {
            pthread_timedjoin_np(thread, NULL, &deadline);
        } else if (i % 4 == 2) {
            pthread_clockjoin_np(thread, NULL, CLOCK_REALTIME, &deadline);
        } else {
            while (pthread_tryjoin_np(thread, NULL) == EBUSY) {
                sched_yield();
            }
        }
    }
}

__attribute__((noinline)) static void make_cancelled(void)
{
    pthread_t thread;
    void *result = NULL;

    for (int i = 0; i < ROUNDS; i++) {
        pthread_create(&thread, NULL, run_for_ever, NULL);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        if (result != PTHREAD_CANCELED) {
            abort();
        }
    }
}

__attribute__((noinline)) static void make_detached(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int before = atomic_load(&ended);

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 2 != 0) {
            pthread_create(&thread, &attributes, run, NULL);
        } else {
            pthread_create(&thread, NULL, run, NULL);
            pthread_detach(thread);
        }
    }
    while (atomic_load(&ended) < before + ROUNDS) {
        sched_yield();
    }
    pthread_attr_destroy(&attributes);
}

__attribute__((noinline)) static void make_unjoined(void)
{
    pthread_t thread;

    for (int i = 0; i < 5; i++) {
        pthread_create(&thread, NULL, run_named, NULL);
    }
}

__attribute__((noinline)) static void make_stuck(void)
{
    pthread_t thread;

    for (int i = 0; i < 3; i++) {
        pthread_create(&thread, NULL, run_for_ever, NULL);
    }
}

__attribute__((noinline)) static void make_c11(void)
{
    thrd_t thread;
    int result = 0;

    for (int i = 0; i < ROUNDS; i++) {
        thrd_create(&thread, run_c11, NULL);
        if (thrd_join(thread, &result) != thrd_success || result != 7) {
            abort();
        }
    }
}

/* More threads at once than there are shards of their own. */
__attribute__((noinline)) static void make_many(void)
{
    static pthread_t threads[MANY];
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 128 << 10);
    for (int i = 0; i < MANY; i++) {
        pthread_create(&threads[i], &attributes, run_for_ever, NULL);
    }
    for (int i = 0; i < MANY; i++) {
        pthread_cancel(threads[i]);
        pthread_join(threads[i], NULL);
    }
    pthread_attr_destroy(&attributes);
}

/* Waits until the kernel shows no more than `wanted` threads, so that detached ones are
 * truly gone. */
static void settle(int wanted)
{
    for (int tries = 0; tries < 20000; tries++) {
        char line[256];
        int threads = 0;
        FILE *status = fopen("/proc/self/status", "r");

        while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
            (void)sscanf(line, "Threads: %d", &threads);
        }
        if (status != NULL) {
            (void)fclose(status);
        }
        if (threads <= wanted) {
            return;
        }
        sched_yield();
    }
}

int main(void)
{
    pthread_key_create(&key, free);
    make_joined();
    make_cancelled();
    make_detached();
    make_c11();
    make_many();
    make_unjoined();
    make_stuck();
    settle(1 + 3);
    printf("{\"make_joined\":[50,50,0],\"make_cancelled\":[50,50,0],\"make_detached\":["
           "50,50,0],"
           "\"make_c11\":[50,50,0],\"make_many\":[300,300,0],\"make_unjoined\":[5,0,5],"
           "\"make_stuck\":[3,0,0]}\n");
    return 0;
}
