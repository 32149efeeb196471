/* A call tree whose stacks are known: so many calls deep, one of 16 call sites at each
 * level.
 *
 * Two functions with frames of different size call each other; where a level branches,
 * four bits of the path choose the site. The same path gives the same stack each time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_BENCH_DESCEND_H
#define SEEP_BENCH_DESCEND_H

/* Called at the end of each descent. */
typedef void (*bench_leaf)(void *argument);

/* depth:         levels, at least 1.
 * branch_first:  the level at which the path begins to matter; 0 is the outermost.
 * branch_levels: how many levels branch: 0, 1 or 3 make 1, 16 or 4,096 stacks. */
struct bench_descent {
    unsigned depth;
    unsigned branch_first;
    unsigned branch_levels;
    bench_leaf leaf;
    void *argument;
};

/* Goes down along a path, calls the leaf, and returns. Thread-safety: any thread; the
 * descent is only read. */
void bench_descend(const struct bench_descent *descent, unsigned path);

#endif
