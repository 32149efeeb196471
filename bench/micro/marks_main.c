/* Marks: what seep_mark takes, of one label from all threads at once.
 *
 * usage: bench-marks THREADS MARKS       MARKS per thread
 * Prints {"ns":N}: wall time per mark and thread, in the fastest of ten blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#include <pthread.h>
#include <stdatomic.h>

#include "micro.h"
#include "seep/seep.h"

enum { THREADS_MAX = 64, BLOCKS = 10 };

static unsigned long marks;
static pthread_barrier_t barrier;
static uint64_t took_ns[THREADS_MAX];

static void *run(void *argument)
{
    uint64_t *took = argument;

    for (int block = 0; block < BLOCKS; block++) {
        pthread_barrier_wait(&barrier);
        uint64_t start_ns = bench_clock_ns(CLOCK_MONOTONIC);

        for (unsigned long i = 0; i < marks; i++) {
            (void)seep_mark("http request");
            atomic_signal_fence(memory_order_seq_cst);
        }
        *took = bench_clock_ns(CLOCK_MONOTONIC) - start_ns;
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned threads = (unsigned)bench_argument(argc, argv, 1, "THREADS");
    uint64_t best_ns = UINT64_MAX;
    pthread_t ids[THREADS_MAX];

    marks = bench_argument(argc, argv, 2, "MARKS") / BLOCKS;
    bench_need(threads >= 1 && threads <= THREADS_MAX && marks > 0, "THREADS or MARKS");
    bench_need(pthread_barrier_init(&barrier, NULL, threads + 1) == 0, "barrier");
    for (unsigned i = 0; i < threads; i++) {
        bench_need(pthread_create(&ids[i], NULL, run, &took_ns[i]) == 0,
                   "pthread_create");
    }
    for (int block = 0; block < BLOCKS; block++) {
        uint64_t sum_ns = 0;

        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        for (unsigned i = 0; i < threads; i++) {
            sum_ns += took_ns[i];
        }
        best_ns = sum_ns / threads < best_ns ? sum_ns / threads : best_ns;
    }
    for (unsigned i = 0; i < threads; i++) {
        bench_need(pthread_join(ids[i], NULL) == 0, "pthread_join");
    }
    bench_print("ns", (double)best_ns / (double)marks);
    return 0;
}
