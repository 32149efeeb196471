/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERIES_THIN_H
#define SEEP_ANALYZER_SERIES_THIN_H

#include <stddef.h>

/* Keeps at most `keep` of n values, evenly spread, always the first and the last.
 *
 * from:    borrowed; n values. keep: >= 2, or >= n.
 * to:      out, borrowed; min(n, keep) values; may be `from` itself.
 * Returns: values kept. Thread-safety: pure. Allocates: no. Cost: O(keep).
 */
size_t seep_thin(const double *from, size_t n, size_t keep, double *to);

#endif
