/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_PAIR_COUNT_H
#define SEEP_ANALYZER_TREND_PAIR_COUNT_H

#include <stddef.h>
#include <stdint.h>

/* How many of n values are equal to another. Thread-safety: pure; as all below. */
int64_t seep_count_equal(const double *y, size_t n, double other);
/* How many more are above another than below it. */
int64_t seep_count_above_less_below(const double *y, size_t n, double other);
/* How often a series rises and falls from one value to the next. */
void seep_count_steps(const double *y, size_t n, size_t *ups, size_t *downs);

#endif
