/* Threads: what making and joining one costs, and what holding many takes.
 *
 * usage: bench-threads join THREADS SITES   one after the other; each allocates and frees
 * at SITES stacks; prints {"us":per thread}, wall time bench-threads hold THREADS SITES
 * all at once; prints {"ready":1} when each has done its work, and ends with standard
 * input
 *
 * SPDX-License-Identifier: MIT
 */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "descend.h"
#include "micro.h"

enum { DEPTH = 10, STACK_BYTES = 128 * 1024 };

static unsigned sites;
static pthread_barrier_t done, end;

static void pair(void *argument)
{
    void *volatile block = malloc(100);

    (void)argument;
    free(block);
}

static void *work(void *hold)
{
    struct bench_descent descent = {DEPTH, DEPTH - 3, 3, pair, NULL};

    for (unsigned i = 0; i < sites; i++) {
        bench_descend(&descent, i);
    }
    if (hold != NULL) {
        pthread_barrier_wait(&done);
        pthread_barrier_wait(&end);
    }
    return NULL;
}

static void hold(unsigned threads, pthread_attr_t *attributes)
{
    pthread_t *ids = calloc(threads, sizeof(*ids));

    bench_need(ids != NULL && pthread_barrier_init(&done, NULL, threads + 1) == 0 &&
                   pthread_barrier_init(&end, NULL, threads + 1) == 0,
               "start");
    for (unsigned i = 0; i < threads; i++) {
        bench_need(pthread_create(&ids[i], attributes, work, &done) == 0,
                   "pthread_create");
    }
    pthread_barrier_wait(&done);
    bench_wait_for_end(NULL);
    pthread_barrier_wait(&end);
    for (unsigned i = 0; i < threads; i++) {
        bench_need(pthread_join(ids[i], NULL) == 0, "pthread_join");
    }
    free(ids);
}

int main(int argc, char **argv)
{
    unsigned threads = (unsigned)bench_argument(argc, argv, 2, "THREADS");
    pthread_attr_t attributes;
    uint64_t start = 0;

    sites = (unsigned)bench_argument(argc, argv, 3, "SITES");
    bench_need(pthread_attr_init(&attributes) == 0 &&
                   pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0,
               "attributes");
    if (strcmp(argv[1], "hold") == 0) {
        hold(threads, &attributes);
        return 0;
    }
    start = bench_clock_ns(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < threads; i++) {
        pthread_t id;

        bench_need(pthread_create(&id, &attributes, work, NULL) == 0, "pthread_create");
        bench_need(pthread_join(id, NULL) == 0, "pthread_join");
    }
    bench_print("us", (double)(bench_clock_ns(CLOCK_MONOTONIC) - start) / 1e3 / threads);
    return 0;
}
