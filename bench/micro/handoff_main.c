/* Threads that free each other's blocks: pairs of malloc and free per second.
 *
 * usage: bench-handoff THREADS PAIRS       PAIRS per thread
 * Each thread allocates batches and hands them to the next thread through a ring of its
 * own; with one thread, to itself. Prints {"pairs_per_s":N}, of wall time, in the fastest
 * of ten blocks: what runs beside them (a collector that starts, somebody's build) only
 * ever makes one slower.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "micro.h"

enum { BATCH = 64, RING = 64, THREADS_MAX = 64, BLOCK_BYTES = 48, BLOCKS = 10 };

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
static uint64_t begun_ns[THREADS_MAX], ended_ns[THREADS_MAX]; /* of the present block */

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

/* What a thread makes, and what it is given, in one block. */
static void run_block(unsigned self)
{
    unsigned long made = 0;
    unsigned long freed = 0;

    while (made < batches_each || freed < batches_each) {
        int moved = made < batches_each && put(&rings[(self + step) % threads]);

        made += (unsigned long)moved;
        if (take(&rings[self])) {
            freed++;
        } else if (!moved) {
            sched_yield();
        }
    }
}

static void *run(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;

    for (int i = 0; i < BLOCKS; i++) {
        pthread_barrier_wait(&barrier);
        begun_ns[self] = bench_clock_ns(CLOCK_MONOTONIC);
        run_block(self);
        ended_ns[self] = bench_clock_ns(CLOCK_MONOTONIC);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

/* From the first thread's beginning to the last one's end. */
static uint64_t block_ns(void)
{
    uint64_t begun = UINT64_MAX;
    uint64_t ended = 0;

    for (unsigned i = 0; i < threads; i++) {
        begun = begun_ns[i] < begun ? begun_ns[i] : begun;
        ended = ended_ns[i] > ended ? ended_ns[i] : ended;
    }
    return ended - begun;
}

int main(int argc, char **argv)
{
    pthread_t ids[THREADS_MAX];
    uint64_t best_ns = UINT64_MAX;

    threads = (unsigned)bench_argument(argc, argv, 2, "THREADS");
    batches_each = bench_argument(argc, argv, 3, "PAIRS") / BATCH / BLOCKS;
    step = strcmp(argv[1], "others") == 0;
    bench_need(threads >= 1 && threads <= THREADS_MAX, "THREADS");
    bench_need(pthread_barrier_init(&barrier, NULL, threads + 1) == 0, "barrier");
    for (unsigned i = 0; i < threads; i++) {
        bench_need(pthread_create(&ids[i], NULL, run, (void *)(uintptr_t)i) == 0,
                   "pthread_create");
    }
    for (int i = 0; i < BLOCKS; i++) {
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        uint64_t took_ns = block_ns();

        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    for (unsigned i = 0; i < threads; i++) {
        bench_need(pthread_join(ids[i], NULL) == 0, "pthread_join");
    }
    bench_print("pairs_per_s",
                (double)batches_each * BATCH * threads * 1e9 / (double)best_ns);
    return 0;
}
