/* A thread that writes the time's passing into segments.
 *
 * Design: a block's birth needs the time, to 1/64 s. Asking the kernel's clock took a
 * sixth of what recording a block costs; one word that somebody else changes as often can
 * be compared with for nothing. The number has no meaning but that it changed: the
 * process then asks its own clock, so that a collector that lies, or lives in another
 * time namespace, can make births older by as long as it was silent, and nothing else. By
 * pwrite: the collector maps no segment to write.
 *
 * T1: many segments are written to more rarely, MOST_WRITES_PER_S in all.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/ticker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "seep/segment.h"

enum {
    NS_PER_S = 1000000000,
    TICK_NS = NS_PER_S / 64, /* as seep_birth_encode */
    MOST_WRITES_PER_S = 4096,
    FIRST_CAPACITY = 8
};

struct seep_ticker {
    pthread_mutex_t lock; /* around all below */
    pthread_cond_t changed;
    pthread_t thread;
    bool stop;
    int *fds; /* `count` of `capacity`, in no order */
    size_t count, capacity;
    uint64_t tick; /* never 0 */
};

static void write_tick(int fd, uint64_t tick)
{
    /* A segment's size was checked and cannot change: nothing to be done if it fails. */
    (void)!pwrite(fd, &tick, sizeof(tick),
                  (off_t)offsetof(struct seep_segment_header, tick));
}

static struct timespec in_ns(uint64_t pause_ns)
{
    struct timespec due = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &due);
    pause_ns += (uint64_t)due.tv_nsec;
    due.tv_sec += (time_t)(pause_ns / NS_PER_S);
    due.tv_nsec = (long)(pause_ns % NS_PER_S);
    return due;
}

static void *tick_on(void *argument)
{
    struct seep_ticker *ticker = argument;

    pthread_mutex_lock(&ticker->lock);
    while (!ticker->stop) {
        uint64_t pause_ns = (uint64_t)ticker->count * NS_PER_S / MOST_WRITES_PER_S;
        struct timespec due = in_ns(pause_ns > TICK_NS ? pause_ns : TICK_NS);
        int err = 0;

        ticker->tick++;
        for (size_t i = 0; i < ticker->count; i++) {
            write_tick(ticker->fds[i], ticker->tick);
        }
        while (!ticker->stop && err == 0) { /* until it is due, or there is a first */
            err = ticker->count == 0
                      ? pthread_cond_wait(&ticker->changed, &ticker->lock)
                      : pthread_cond_timedwait(&ticker->changed, &ticker->lock, &due);
        }
    }
    pthread_mutex_unlock(&ticker->lock);
    return NULL;
}

int seep_ticker_new(struct seep_ticker **out)
{
    struct seep_ticker *ticker = calloc(1, sizeof(*ticker));
    pthread_condattr_t attributes;
    int err = 0;

    if (ticker == NULL) {
        return -ENOMEM;
    }
    (void)pthread_mutex_init(&ticker->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&ticker->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    err = -pthread_create(&ticker->thread, NULL, tick_on, ticker);
    if (err < 0) {
        (void)pthread_cond_destroy(&ticker->changed);
        (void)pthread_mutex_destroy(&ticker->lock);
        free(ticker);
        return err;
    }
    *out = ticker;
    return 0;
}

void seep_ticker_free(struct seep_ticker *ticker)
{
    if (ticker == NULL) {
        return;
    }
    pthread_mutex_lock(&ticker->lock);
    ticker->stop = true;
    pthread_cond_signal(&ticker->changed);
    pthread_mutex_unlock(&ticker->lock);
    (void)pthread_join(ticker->thread, NULL);
    (void)pthread_cond_destroy(&ticker->changed);
    (void)pthread_mutex_destroy(&ticker->lock);
    free(ticker->fds);
    free(ticker);
}

int seep_ticker_add(struct seep_ticker *ticker, int segment_fd)
{
    int err = 0;

    pthread_mutex_lock(&ticker->lock);
    if (ticker->count == ticker->capacity) {
        size_t capacity = ticker->capacity != 0 ? ticker->capacity * 2 : FIRST_CAPACITY;
        int *fds = reallocarray(ticker->fds, capacity, sizeof(*fds));

        if (fds == NULL) {
            err = -ENOMEM;
        } else {
            ticker->fds = fds;
            ticker->capacity = capacity;
        }
    }
    if (err == 0) {
        ticker->fds[ticker->count++] = segment_fd;
        pthread_cond_signal(&ticker->changed);
    }
    pthread_mutex_unlock(&ticker->lock);
    return err;
}

void seep_ticker_remove(struct seep_ticker *ticker, int segment_fd)
{
    pthread_mutex_lock(&ticker->lock);
    for (size_t i = 0; i < ticker->count; i++) {
        if (ticker->fds[i] == segment_fd) {
            ticker->fds[i] = ticker->fds[--ticker->count];
            write_tick(segment_fd, 0);
            break;
        }
    }
    pthread_mutex_unlock(&ticker->lock);
}
