/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_DIFF_ALIGNMENT_H
#define SEEP_ANALYZER_DIFF_ALIGNMENT_H

#include <stddef.h>

/* What one site of one run holds over time, and how much that run had done. All borrowed;
 * rising in t_s, not falling in work. */
struct seep_alignment_run {
    size_t n;
    const double *t_s; /* NULL: age says nothing */
    const double *values;
    const double *work; /* operations done; NULL unknown */
};

/* Whether BASE grew by as much, or nearly, when it had run as long, or had done as much
 * work, as NEW has from its snapshot `from` to `to`.
 *
 * growth: NEW's there, > 0. ratio: what counts as nearly; >= 1.
 * Returns: why it is no change, in words; NULL when BASE did not, or was not there for
 * half of that stretch at least. Thread-safety: pure. Allocates: no. Cost: O(n).
 */
const char *seep_alignment_grew_alike(const struct seep_alignment_run *base,
                                      const struct seep_alignment_run *fresh, size_t from,
                                      size_t to, double growth, double ratio);

#endif
