/* A thread that writes the time's passing into segments.
 *
 * Design: a block's birth needs the time, finer than the shortest interval (0.1 s).
 * Asking the kernel's clock took a sixth of what recording a block costs; one word that
 * somebody else changes as often can be compared with for nothing. The number has no
 * meaning but that it changed: the process then asks its own clock, so that a collector
 * that lies, or lives in another time namespace, can make births older by as long as it
 * was silent, and nothing else. It lies on a page by itself, the only one that the
 * collector maps to write. pwrite was rejected: a limit on the size of files
 * (RLIMIT_FSIZE) stops it.
 *
 * T1: the page exists, the shim has touched it, and its file cannot shrink: writing to it
 * cannot fault.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/ticker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "seep/segment.h"
#include "seep/segment_layout.h"

enum {
    NS_PER_S = 1000000000,
    TICK_NS = NS_PER_S / 16, /* each costs 60 us of a processor: 0.1 % of it */
    FIRST_CAPACITY = 8
};

struct seep_ticker {
    pthread_mutex_t lock; /* around all below */
    pthread_cond_t changed;
    pthread_t thread;
    bool stop;
    struct seep_tick **pages; /* owned mappings; `count` of `capacity`, in no order */
    size_t count, capacity;
    uint64_t tick; /* never 0 */
};

static struct timespec next_due(void)
{
    struct timespec due = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_nsec += TICK_NS;
    if (due.tv_nsec >= NS_PER_S) {
        due.tv_nsec -= NS_PER_S;
        due.tv_sec++;
    }
    return due;
}

static void *tick_on(void *argument)
{
    struct seep_ticker *ticker = argument;

    pthread_mutex_lock(&ticker->lock);
    while (!ticker->stop) {
        struct timespec due = next_due();
        int err = 0;

        ticker->tick++;
        for (size_t i = 0; i < ticker->count; i++) {
            atomic_store_explicit(&ticker->pages[i]->tick, ticker->tick,
                                  memory_order_relaxed);
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
    free((void *)ticker->pages);
    free(ticker);
}

int seep_ticker_add(struct seep_ticker *ticker, int segment_fd, struct seep_tick **out)
{
    void *page = mmap(NULL, SEEP_TICK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                      segment_fd, (off_t)SEEP_AT_TICK);
    int err = page == MAP_FAILED ? -errno : 0;

    if (err < 0) {
        return err;
    }
    pthread_mutex_lock(&ticker->lock);
    if (ticker->count == ticker->capacity) {
        size_t capacity = ticker->capacity != 0 ? ticker->capacity * 2 : FIRST_CAPACITY;
        struct seep_tick **pages = (struct seep_tick **)reallocarray(
            (void *)ticker->pages, capacity, sizeof(*pages));

        if (pages == NULL) {
            err = -ENOMEM;
        } else {
            ticker->pages = pages;
            ticker->capacity = capacity;
        }
    }
    if (err == 0) {
        ticker->pages[ticker->count++] = page;
        pthread_cond_signal(&ticker->changed);
    }
    pthread_mutex_unlock(&ticker->lock);
    if (err < 0) {
        (void)munmap(page, SEEP_TICK_BYTES);
    } else {
        *out = page;
    }
    return err;
}

void seep_ticker_remove(struct seep_ticker *ticker, struct seep_tick *page)
{
    if (page == NULL) {
        return;
    }
    pthread_mutex_lock(&ticker->lock);
    for (size_t i = 0; i < ticker->count; i++) {
        if (ticker->pages[i] == page) {
            ticker->pages[i] = ticker->pages[--ticker->count];
            break;
        }
    }
    pthread_mutex_unlock(&ticker->lock);
    atomic_store_explicit(&page->tick, 0, memory_order_relaxed);
    (void)munmap(page, SEEP_TICK_BYTES);
}
