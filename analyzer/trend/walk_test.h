/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_WALK_TEST_H
#define SEEP_ANALYZER_TREND_WALK_TEST_H

#include <stddef.h>

enum { SEEP_WALK_BLOCKS = 12 };

struct seep_walk_test {
    double t; /* how far the blocks drift, in deviations of a driftless walk */
    double
        p_rising; /* chance of so large a t on a random walk without drift, one-sided */
};

/* Whether a series drifts further than a random walk with steps as large as its own: the
 * mean of twelve stretches, and Student's t of the eleven steps between them. On a random
 * walk it is exact but for the shape of the tail; on anything that returns to a level it
 * is conservative, the more so the faster it returns, since steps up are then followed by
 * steps down; on a leak in such noise the steps are small beside the drift.
 *
 * y:  borrowed; n finite values. n < SEEP_WALK_BLOCKS, or nothing moved: t = 0, p = 1.
 * All steps alike and up: t = INFINITY, p = 0.
 * Thread-safety: pure. Allocates: no. Cost: O(n).
 * Source: t of block estimates: Ibragimov and Mueller 2010, J. Bus. Econ. Stat. 28(4),
 * 453-468; steps of averages of a walk correlate by 1/4: Working 1960, Econometrica
 * 28(4), 916-918, which widens t by 1.234 for eleven steps.
 */
struct seep_walk_test seep_walk_test(const double *y, size_t n);

#endif
