/* Drift against a random walk.
 *
 * The self-normalised sum of the steps of block minima was rejected: it is bounded by the
 * root of their number, so that it hardly tells a strong leak from a walk, and minima
 * throw away most of what a leak in noise shows.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/walk_test.h"

#include <math.h>

#include "trend/envelope.h"
#include "trend/student.h"

enum { STEPS = SEEP_WALK_BLOCKS - 1 };

/* Of m steps that correlate by 1/4 with their neighbours, in units of their variance: the
 * sum varies by m + (m - 1)/2, and so the sample variance is (m - 1.5 + 1/(2m))/(m - 1);
 * t is the root of the ratio too wide. */
static double widening(void)
{
    const double m = STEPS;
    double of_sum = 1 + (m - 1) / (2 * m);

    return sqrt(of_sum * (m - 1) / (m - of_sum));
}

struct seep_walk_test seep_walk_test(const double *y, size_t n)
{
    struct seep_walk_test test = {.p_rising = 1};
    double means[SEEP_WALK_BLOCKS];
    double squares = 0;

    if (seep_block_means(y, n, SEEP_WALK_BLOCKS, means) < 0) {
        return test;
    }
    double drift = (means[STEPS] - means[0]) / STEPS;

    for (size_t i = 0; i < STEPS; i++) {
        double off = means[i + 1] - means[i] - drift;

        squares += off * off;
    }
    /* What rounding leaves of equal steps is no scatter. */
    if (squares <= 1e-18 * drift * drift) {
        test.t = drift > 0 ? INFINITY : drift < 0 ? -INFINITY : 0;
    } else {
        test.t = drift / sqrt(squares / (STEPS - 1) / STEPS) / widening();
    }
    if (test.t != 0) {
        test.p_rising = seep_student_upper_tail(test.t, STEPS - 1);
    }
    return test;
}
