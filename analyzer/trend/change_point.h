/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_CHANGE_POINT_H
#define SEEP_ANALYZER_TREND_CHANGE_POINT_H

#include <stdbool.h>
#include <stddef.h>

struct seep_change_point {
    bool found;    /* two lines are better than one, by the criterion */
    size_t at;     /* where the second begins; 0 when not found */
    double before; /* slope per value before and after; both that of the line when not */
    double after;  /* found */
    double gain_bic; /* criterion of the one line minus that of the two; > 0: two */
};

/* Where a series goes from one pace to another: the best of all fits by two lines that
 * meet, against one line.
 *
 * y:   borrowed; n finite values, evenly spaced.
 * n < 8: not found, all 0. Thread-safety: pure. Allocates: no. Cost: O(n).
 * Source: two-phase regression: Hudson 1966, J. Am. Stat. Assoc. 61, 1097-1129; Hinkley
 * 1971, J. Am. Stat. Assoc. 66, 736-743. The criterion is Schwarz's (1978) with two
 * parameters for the knee, its place and its bend.
 */
struct seep_change_point seep_change_point(const double *y, size_t n);

#endif
