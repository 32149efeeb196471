/* Descriptors: opens many, closes them all, again and again.
 *
 * usage: bench-descriptors COUNT ROUNDS
 * Prints {"ns":the fastest round, per descriptor opened and closed}, of processor time.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "micro.h"

enum { SPARE = 64 };

int main(int argc, char **argv)
{
    unsigned long count = bench_argument(argc, argv, 1, "COUNT");
    unsigned long rounds = bench_argument(argc, argv, 2, "ROUNDS");
    int *opened = calloc(count, sizeof(*opened));
    struct rlimit limit = {0};
    uint64_t best_ns = UINT64_MAX;

    bench_need(opened != NULL && getrlimit(RLIMIT_NOFILE, &limit) == 0, "start");
    if (limit.rlim_cur < count + SPARE) {
        limit.rlim_cur = count + SPARE;
        limit.rlim_max =
            limit.rlim_max < limit.rlim_cur ? limit.rlim_cur : limit.rlim_max;
        bench_need(setrlimit(RLIMIT_NOFILE, &limit) == 0, "limit of open files");
    }
    for (unsigned long round = 0; round < rounds; round++) {
        uint64_t start = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
        uint64_t ns = 0;

        for (unsigned long i = 0; i < count; i++) {
            opened[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
            bench_need(opened[i] >= 0, "open");
        }
        for (unsigned long i = 0; i < count; i++) {
            bench_need(close(opened[i]) == 0, "close");
        }
        ns = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
        best_ns = ns < best_ns ? ns : best_ns;
    }
    bench_print("ns", (double)best_ns / (double)count);
    free(opened);
    return 0;
}
