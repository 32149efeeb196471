/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_TOGETHER_H
#define SEEP_ANALYZER_TREND_TOGETHER_H

#include <stdbool.h>
#include <stddef.h>

/* Correlation of the steps of two series from which they are taken to move together. */
static const double SEEP_TOGETHER_MIN = 0.8;

/* Whether two counts change at the same moments: what is acquired in one go does, what
 * merely grows at the same time does not.
 *
 * a, b:    borrowed; n finite values each.
 * Returns: whether their steps correlate by SEEP_TOGETHER_MIN or more; where neither has
 *   any variance, whether they rise by the same to a tenth. false for n < 3.
 * Thread-safety: pure. Allocates: no. Cost: O(n).
 * Source: Pearson's correlation; of steps, since levels that rise always correlate
 * (Granger, Newbold 1974).
 */
bool seep_together(const double *a, const double *b, size_t n);

#endif
