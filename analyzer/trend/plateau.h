/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_PLATEAU_H
#define SEEP_ANALYZER_TREND_PLATEAU_H

#include <stddef.h>

struct seep_plateau {
    double rise; /* last value minus first */
    double
        end_share; /* part of the rise that came in the last half; 0 when nothing rose */
    double
        p_decelerating; /* chance of steps shrinking like this if they did not shrink */
};

/* How the end of a rise compares with its beginning: a leak goes on, a cache fills up.
 *
 * minima:  borrowed; n values of a lower envelope.
 * scratch: borrowed; n doubles; contents are lost.
 * out:     untouched on error.
 *
 * Returns: 0; -EINVAL when n < 5. Thread-safety: pure. Allocates: no. Cost: O(n^2).
 * Source: the share is our own gate (simulated rates in docs/statistics.md); deceleration
 * is a Mann-Kendall test on the steps.
 */
int seep_plateau(const double *minima, size_t n, double *scratch,
                 struct seep_plateau *out);

#endif
