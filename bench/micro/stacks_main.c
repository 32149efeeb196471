/* Nanoseconds of one iteration under stacks of a known kind.
 *
 * usage: bench-stacks SHAPE DEPTH PATHS PLACE ACTION ITERATIONS
 *   SHAPE       hot: one descent, then all iterations at its end; changing: a descent
 * with a random path for each; ragged: a descent of random depth (5 to DEPTH) for each
 *   DEPTH       calls below main; the whole stack has 7 frames more
 *   PATHS       1, 16 or 4096 different stacks
 *   PLACE       outer: they differ near main only; inner: near the allocation only
 *   ACTION      pair: malloc and free; none: neither, the cost of the descent; unwind:
 *               unw_backtrace instead (only in bench-stacks-unwind, linked with
 * libunwind) Prints {"frames":N} when it unwinds, and {"ns":the fastest of five blocks}:
 * what disturbs a block only ever makes it slower. A tenth is run before as a warm-up.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "descend.h"
#include "micro.h"

#ifdef BENCH_UNWIND
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#endif

enum { BLOCKS = 5, DEPTH_MIN = 5, DEPTH_MAX = 1000, FRAMES_MAX = 1100 };

struct work {
    unsigned long iterations_at_leaf;
    uint32_t random;
    int frames;
};

struct shape {
    struct bench_descent descent;
    unsigned depth_span;
    unsigned long descents;
    unsigned path_mask;
};

static size_t next_size(struct work *work)
{
    return 16 + (bench_random(&work->random) >> 16) % 113;
}

static void do_nothing(void *argument)
{
    struct work *work = argument;
    volatile size_t size = 0;

    for (unsigned long i = 0; i < work->iterations_at_leaf; i++) {
        size = next_size(work);
    }
    (void)size;
}

static void do_pair(void *argument)
{
    struct work *work = argument;

    for (unsigned long i = 0; i < work->iterations_at_leaf; i++) {
        char *volatile block = malloc(next_size(work));

        *(volatile char *)block = 1;
        free(block);
    }
}

#ifdef BENCH_UNWIND
static void do_unwind(void *argument)
{
    struct work *work = argument;
    void *frames[FRAMES_MAX];
    volatile size_t size = 0;

    for (unsigned long i = 0; i < work->iterations_at_leaf; i++) {
        size = next_size(work);
        work->frames = unw_backtrace(frames, FRAMES_MAX);
    }
    (void)size;
}
#endif

static bench_leaf leaf_of(const char *action)
{
    if (strcmp(action, "pair") == 0) {
        return do_pair;
    }
#ifdef BENCH_UNWIND
    if (strcmp(action, "unwind") == 0) {
        return do_unwind;
    }
#endif
    return strcmp(action, "none") == 0 ? do_nothing : NULL;
}

/* One block. Returns: its nanoseconds of processor time. */
__attribute__((noinline)) static uint64_t run_block(const struct shape *shape,
                                                    uint32_t *random)
{
    struct bench_descent descent = shape->descent;
    unsigned deepest = descent.depth;
    uint64_t start = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);

    for (unsigned long i = 0; i < shape->descents; i++) {
        uint32_t number = bench_random(random);

        if (shape->depth_span != 0) {
            descent.depth = deepest - (number >> 16) % shape->depth_span;
        }
        bench_descend(&descent, number & shape->path_mask);
    }
    return bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
}

static unsigned levels_of(unsigned long paths)
{
    return paths == 1 ? 0 : paths == 16 ? 1 : 3;
}

int main(int argc, char **argv)
{
    unsigned depth = (unsigned)bench_argument(argc, argv, 2, "DEPTH");
    unsigned long paths = bench_argument(argc, argv, 3, "PATHS");
    unsigned long iterations = bench_argument(argc, argv, 6, "ITERATIONS");
    struct work work = {.random = 2463534242U};
    struct shape shape = {.descent = {.depth = depth, .argument = &work}};
    int hot = strcmp(argv[1], "hot") == 0;
    uint32_t random = 88172645U;
    uint64_t best_ns = UINT64_MAX;

    shape.descent.leaf = leaf_of(argv[5]);
    shape.descent.branch_levels = levels_of(paths);
    /* level 0 is main's own call, which cannot branch */
    shape.descent.branch_first =
        strcmp(argv[4], "outer") == 0 ? 1 : depth - shape.descent.branch_levels;
    bench_need(shape.descent.leaf != NULL && depth >= DEPTH_MIN && depth <= DEPTH_MAX,
               "ACTION or DEPTH");
    shape.path_mask = (unsigned)paths - 1;
    shape.depth_span = strcmp(argv[1], "ragged") == 0 ? depth - DEPTH_MIN + 1 : 0;
    shape.descents = hot ? 1 : iterations / BLOCKS / 10;
    work.iterations_at_leaf = hot ? iterations / BLOCKS / 10 : 1;
    (void)run_block(&shape, &random);
    shape.descents = hot ? 1 : iterations / BLOCKS;
    work.iterations_at_leaf = hot ? iterations / BLOCKS : 1;
    for (int i = 0; i < BLOCKS; i++) {
        uint64_t ns = run_block(&shape, &random);

        best_ns = ns < best_ns ? ns : best_ns;
    }
    if (work.frames != 0) {
        bench_print("frames", work.frames);
    }
    bench_print("ns", (double)best_ns * BLOCKS / (double)iterations);
    return 0;
}
