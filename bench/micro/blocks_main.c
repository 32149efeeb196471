/* Many live blocks from many sites, held for whoever measures.
 *
 * usage: bench-blocks BLOCKS BYTES SITES CHURN
 *   SITES   up to 65536 different stacks, all used in turn
 *   CHURN   blocks that are freed and allocated again each second, one site after the
 * other Prints {"ready":1} when all are allocated, and ends with standard input.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdlib.h>

#include "descend.h"
#include "micro.h"

enum { DEPTH = 12, BRANCH_LEVELS = 4, SITES_MAX = 65536, STEPS_PER_S = 10 };

static struct bench_descent descent;
static void **blocks;
static unsigned long count, bytes, sites, churn, at;

static void allocate(void *argument)
{
    void **block = argument;

    *block = malloc(bytes);
    bench_need(*block != NULL, "malloc");
    *(volatile char *)*block = 1;
}

static void make(unsigned long i)
{
    descent.argument = &blocks[i];
    bench_descend(&descent, (unsigned)(i % sites));
}

static void replace_some(void)
{
    for (unsigned long i = 0; i < churn / STEPS_PER_S; i++) {
        free(blocks[at]);
        make(at);
        at = (at + 1) % count;
    }
}

int main(int argc, char **argv)
{
    count = bench_argument(argc, argv, 1, "BLOCKS");
    bytes = bench_argument(argc, argv, 2, "BYTES");
    sites = bench_argument(argc, argv, 3, "SITES");
    churn = bench_argument(argc, argv, 4, "CHURN");
    bench_need(count > 0 && sites > 0 && sites <= SITES_MAX, "BLOCKS or SITES");
    blocks = calloc(count, sizeof(*blocks));
    bench_need(blocks != NULL, "calloc");
    descent = (struct bench_descent){DEPTH, DEPTH - BRANCH_LEVELS, BRANCH_LEVELS,
                                     allocate, NULL};
    for (unsigned long i = 0; i < count; i++) {
        make(i);
    }
    bench_wait_for_end(churn > 0 ? replace_some : NULL);
    return 0;
}
