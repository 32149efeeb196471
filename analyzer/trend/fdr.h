/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_FDR_H
#define SEEP_ANALYZER_TREND_FDR_H

#include <stddef.h>

/* Turns p-values into q-values: rejecting all with q <= 0.05 keeps the expected share of
 * false alarms among the rejected at 5 %, however many sites were tested.
 *
 * p:        borrowed; n values in [0, 1].
 * tested:   >= n; all tests made; those not listed count as p = 1.
 * scratch:  borrowed; n indexes; contents are lost.
 * q:        out, borrowed; n values in [0, 1], in the order of p.
 *
 * Returns: 0; -EINVAL when tested < n. Thread-safety: pure. Allocates: no. Cost: O(n log
 * n). Source: Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57(1), 289-300; valid under
 * the positive dependence of sites that grow together (Benjamini and Yekutieli 2001).
 */
int seep_fdr_q_values(const double *p, size_t n, size_t tested, size_t *scratch,
                      double *q);

#endif
