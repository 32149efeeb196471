/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_MANN_KENDALL_H
#define SEEP_ANALYZER_TREND_MANN_KENDALL_H

#include <stddef.h>

struct seep_mann_kendall {
    double s;         /* rises minus falls over all pairs */
    double z;         /* s in standard deviations, continuity corrected */
    double p_rising;  /* chance of so large a z without a trend, one-sided */
    double p_falling; /* same, of so small a z */
};

/* Whether the values rise or fall over their order, whatever the shape.
 *
 * y:    borrowed; n finite values in order of time.
 * out:  untouched on error. When all values are equal: s = z = 0, both p = 1.
 *
 * Returns: 0; -EINVAL when n < 3. Thread-safety: pure. Allocates: no. Cost: O(n^2).
 * Source: Mann 1945, Econometrica 13, 245-259; Kendall 1975; ties as in Gilbert 1987,
 * equation 16.4. Assumes independent values: hand it block minima, which lie further
 * apart, not raw snapshots.
 */
int seep_mann_kendall(const double *y, size_t n, struct seep_mann_kendall *out);

/* Variance of Kendall's s for these values, corrected for ties. Thread-safety: pure.
 * Cost: O(n^2). */
double seep_kendall_variance(const double *y, size_t n);

#endif
