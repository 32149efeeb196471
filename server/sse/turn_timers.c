/* The first implementation waited for its next event with `case <-time.After(30s)`: each
 * turn of the loop makes a timer, and the one before stays until its time is over. So
 * outstanding timers are rate x 30 s: a slow release, which a detector must not call a
 * leak; with an interval of 0 they stay for ever, which it must. They are timers of the
 * kernel, in order of their ends, because all have the same interval.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/sse/turn_timers.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

struct turn_timer {
    STAILQ_ENTRY(turn_timer) link;
    timer_t timer;
    uint64_t ends_ns; /* CLOCK_MONOTONIC; UINT64_MAX: never */
};

static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER; /* PMA_LOCK_TURN_TIMERS */
static STAILQ_HEAD(, turn_timer) timers = STAILQ_HEAD_INITIALIZER(timers);
static uint32_t timers_count;

static struct turn_timer *make(uint64_t interval_ns)
{
    struct sigevent silent = {.sigev_notify = SIGEV_NONE};
    const struct itimerspec setting = {
        .it_value = {.tv_sec = (time_t)(interval_ns / PMA_S_NS),
                     .tv_nsec = (long)(interval_ns % PMA_S_NS)}};
    struct turn_timer *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL || timer_create(CLOCK_MONOTONIC, &silent, &fresh->timer) != 0) {
        free(fresh);
        return NULL;
    }
    timer_settime(fresh->timer, 0, &setting, NULL);
    fresh->ends_ns = interval_ns > 0 ? pma_now_ns() + interval_ns : UINT64_MAX;
    return fresh;
}

void pma_turn_timer_make(uint64_t interval_ns)
{
    SEEP_SUBSYSTEM("http");
    if (!pma_fault_take(PMA_FAULT_F29)) {
        return;
    }
    struct turn_timer *fresh = make(interval_ns);
    if (fresh != NULL) {
        pthread_mutex_lock(&timers_lock);
        STAILQ_INSERT_TAIL(&timers, fresh, link);
        timers_count++;
        pthread_mutex_unlock(&timers_lock);
    }
}

/* Takes out the first, when its time is over. Returns: NULL when it is not; *next_ns then
 * is its end. */
static struct turn_timer *take_ended(uint64_t *next_ns)
{
    pthread_mutex_lock(&timers_lock);
    struct turn_timer *first = STAILQ_FIRST(&timers);
    *next_ns = first != NULL ? first->ends_ns : UINT64_MAX;
    if (first != NULL && first->ends_ns <= pma_now_ns()) {
        STAILQ_REMOVE_HEAD(&timers, link);
        timers_count--;
    } else {
        first = NULL;
    }
    pthread_mutex_unlock(&timers_lock);
    return first;
}

uint64_t pma_turn_timers_reap(void)
{
    uint64_t next_ns = UINT64_MAX;
    for (struct turn_timer *ended = take_ended(&next_ns); ended != NULL;
         ended = take_ended(&next_ns)) {
        timer_delete(ended->timer);
        free(ended);
    }
    return next_ns;
}

uint32_t pma_turn_timer_count(void)
{
    pthread_mutex_lock(&timers_lock);
    const uint32_t count = timers_count;
    pthread_mutex_unlock(&timers_lock);
    return count;
}
