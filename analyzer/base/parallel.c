/* One loop on several processors.
 *
 * A pool that lives on was rejected: a report has two or three such loops, and a thread
 * is made in some 30 us. OpenMP was rejected for its runtime library, which a program
 * that mostly answers at once would load at each start.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

struct loop {
    size_t items, piece;
    int (*work)(void *worker, size_t first, size_t end);
    atomic_size_t next; /* first item that nobody has taken; may pass `items` */
    atomic_int failed;  /* the first errno; 0 */
};

struct hand {
    struct loop *loop; /* borrowed */
    void *worker;
    pthread_t thread;
    bool is_started;
};

size_t seep_parallel_workers(size_t items, size_t least)
{
    cpu_set_t processors;
    size_t count = 1;
    size_t wanted = items / (least > 0 ? least : 1);

    if (sched_getaffinity(0, sizeof(processors), &processors) == 0) {
        count = (size_t)CPU_COUNT(&processors);
    }
    count = count < wanted ? count : wanted;
    count = count < SEEP_PARALLEL_WORKERS_MAX ? count : SEEP_PARALLEL_WORKERS_MAX;
    return count > 0 ? count : 1;
}

static void *run(void *arg)
{
    const struct hand *hand = arg;
    struct loop *loop = hand->loop;

    while (atomic_load_explicit(&loop->failed, memory_order_relaxed) == 0) {
        size_t first =
            atomic_fetch_add_explicit(&loop->next, loop->piece, memory_order_relaxed);
        int none = 0;
        int status = 0;

        if (first >= loop->items) {
            break;
        }
        status = loop->work(hand->worker, first,
                            loop->items - first > loop->piece ? first + loop->piece
                                                              : loop->items);
        if (status < 0) {
            (void)atomic_compare_exchange_strong(&loop->failed, &none, status);
        }
    }
    return NULL;
}

int seep_parallel_run(size_t items, size_t piece, void *const *workers,
                      size_t worker_count,
                      int (*work)(void *worker, size_t first, size_t end))
{
    struct loop loop = {.items = items, .piece = piece, .work = work};
    struct hand hands[SEEP_PARALLEL_WORKERS_MAX];

    for (size_t i = 0; i < worker_count; i++) {
        hands[i] = (struct hand){.loop = &loop, .worker = workers[i]};
    }
    for (size_t i = 1; i < worker_count; i++) {
        hands[i].is_started = pthread_create(&hands[i].thread, NULL, run, &hands[i]) == 0;
    }
    (void)run(&hands[0]);
    for (size_t i = 1; i < worker_count; i++) {
        if (hands[i].is_started) {
            (void)pthread_join(hands[i].thread, NULL);
        }
    }
    return atomic_load_explicit(&loop.failed, memory_order_relaxed);
}
