/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_STUDENT_H
#define SEEP_ANALYZER_TREND_STUDENT_H

#include <stddef.h>

/* Chance that Student's t with `freedom` degrees of freedom exceeds t. Exact: a finite
 * series.
 *
 * Returns: in [0, 1]; 1 for freedom 0. Thread-safety: pure. Cost: O(freedom).
 * Source: Abramowitz and Stegun 1964, equations 26.7.3 and 26.7.4.
 */
double seep_student_upper_tail(double t, size_t freedom);

/* The t that is exceeded with the chance `tail`, in (0, 0.5]; of the normal distribution
 * to 1 % where freedom is above 200. Thread-safety: pure. Cost: O(freedom). */
double seep_student_point(double tail, size_t freedom);

#endif
