/* Threads that free each other's blocks: pairs of malloc and free per second.
 *
 * usage: bench-handoff THREADS PAIRS       PAIRS per thread
 * Each thread allocates batches and hands them to the next thread through a ring of its
 * own; with one thread, to itself. Prints {"pairs_per_s":N}, of wall time.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "micro.h"

enum { BATCH = 64, RING = 64, THREADS_MAX = 64, BLOCK_BYTES = 48 };

/* One producer, one consumer. head: written by the consumer, tail: by the producer; each
 * reads the other's with acquire, which pairs with the release store. */
struct ring {
    _Alignas(64) atomic_ulong head;
    _Alignas(64) atomic_ulong tail;
    _Alignas(64) void *batches[RING][BATCH];
};

static struct ring rings[THREADS_MAX];
static unsigned threads, step;
static unsigned long batches_each;
static pthread_barrier_t barrier;

/* Returns: whether there was room. */
static int put(struct ring *ring)
{
    unsigned long tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    if (tail - atomic_load_explicit(&ring->head, memory_order_acquire) == RING) {
        return 0;
    }
    for (int i = 0; i < BATCH; i++) {
        char *volatile block = malloc(BLOCK_BYTES);

        *(volatile char *)block = 1;
        ring->batches[tail % RING][i] = block;
    }
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return 1;
}

/* Returns: whether there was a batch. */
static int take(struct ring *ring)
{
    unsigned long head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    if (atomic_load_explicit(&ring->tail, memory_order_acquire) == head) {
        return 0;
    }
    for (int i = 0; i < BATCH; i++) {
        free(ring->batches[head % RING][i]);
    }
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return 1;
}

static void *run(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    unsigned long made = 0;
    unsigned long freed = 0;

    pthread_barrier_wait(&barrier);
    while (made < batches_each || freed < batches_each) {
        int moved = made < batches_each && put(&rings[(self + step) % threads]);

        made += (unsigned long)moved;
        if (take(&rings[self])) {
            freed++;
        } else if (!moved) {
            sched_yield();
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t ids[THREADS_MAX];
    uint64_t start = 0;

    threads = (unsigned)bench_argument(argc, argv, 2, "THREADS");
    batches_each = bench_argument(argc, argv, 3, "PAIRS") / BATCH;
    step = strcmp(argv[1], "others") == 0;
    bench_need(threads >= 1 && threads <= THREADS_MAX, "THREADS");
    bench_need(pthread_barrier_init(&barrier, NULL, threads + 1) == 0, "barrier");
    for (unsigned i = 0; i < threads; i++) {
        bench_need(pthread_create(&ids[i], NULL, run, (void *)(uintptr_t)i) == 0,
                   "pthread_create");
    }
    pthread_barrier_wait(&barrier);
    start = bench_clock_ns(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < threads; i++) {
        bench_need(pthread_join(ids[i], NULL) == 0, "pthread_join");
    }
    bench_print("pairs_per_s", (double)batches_each * BATCH * threads * 1e9 /
                                   (double)(bench_clock_ns(CLOCK_MONOTONIC) - start));
    return 0;
}
