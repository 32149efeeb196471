/* Timers that are made, deleted and left; prints
 * {"counts": {function: [acquired, released]}, "ids": [ids of what is left]}.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            (void)fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition,             \
                          strerror(errno));                                              \
            abort();                                                                     \
        }                                                                                \
    } while (0)

enum { MANY = 400, ROUNDS = 2000, THREADS = 2, LEFT = 3 };

static timer_t left[LEFT];
static struct sigevent silent = {.sigev_notify = SIGEV_NONE};

static void on_time(union sigval unused)
{
    (void)unused;
}

/* Inlined into each function that is counted. */
__attribute__((always_inline)) static inline timer_t make(struct sigevent *event)
{
    timer_t timer;

    CHECK(timer_create(CLOCK_MONOTONIC, event, &timer) == 0);
    return timer;
}

__attribute__((noinline)) static void use_many(void)
{
    static timer_t timers[MANY];

    for (int i = 0; i < MANY; i++) {
        timers[i] = make(&silent);
    }
    for (int i = 0; i < MANY; i++) {
        CHECK(timer_delete(timers[i]) == 0);
    }
}

__attribute__((noinline)) static void use_failing(void)
{
    timer_t timer = make(&silent);
    timer_t none;

    CHECK(timer_delete(timer) == 0);
    errno = 0;
    CHECK(timer_delete(timer) == -1 && errno == EINVAL);
    errno = 0;
    CHECK(timer_create(12345, &silent, &none) == -1 && errno == EINVAL);
}

/* The C library's own thread, and an id that is a pointer. */
__attribute__((noinline)) static void use_thread_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD,
                             .sigev_notify_function = on_time};

    CHECK(timer_delete(make(&event)) == 0);
    left[LEFT - 1] = make(&event);
}

__attribute__((noinline)) static void leave_two(void)
{
    for (int i = 0; i < LEFT - 1; i++) {
        left[i] = make(&silent);
    }
}

__attribute__((noinline)) static void *race(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        CHECK(timer_delete(make(&silent)) == 0);
    }
    return unused;
}

int main(void)
{
    pthread_t threads[THREADS];

    use_many();
    use_failing();
    use_thread_timer();
    leave_two();
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, race, NULL) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    (void)printf("{\"counts\":{\"use_many\":[%d,%d],\"use_failing\":[1,1],"
                 "\"use_thread_timer\":[2,1],\"leave_two\":[2,0],\"race\":[%d,%d]},"
                 "\"ids\":[",
                 MANY, MANY, THREADS * ROUNDS, THREADS * ROUNDS);
    for (int i = 0; i < LEFT; i++) {
        (void)printf("%s%" PRIu64, i > 0 ? "," : "", (uint64_t)(uintptr_t)left[i]);
    }
    (void)printf("]}\n");
    return 0;
}
