/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_DIFF_RATE_H
#define SEEP_ANALYZER_DIFF_RATE_H

#include <stdbool.h>

#include "verdict/changes.h"

/* Two that both grow differ when one is this much more, and the ranges are apart. */
static const double SEEP_RATE_RATIO_LEAST = 1.25;

/* Thread-safety of all: pure. */
struct seep_diff_rate seep_rate_times(struct seep_diff_rate rate, double factor);
/* How sure it is that the rates differ, from 0 to 1. */
double seep_rate_confidence(const struct seep_diff_rate *a,
                            const struct seep_diff_rate *b);
/* 1: fresh is above base, -1: below, 0: not told apart. alike: both grow, so that a
 * quarter of difference is asked for. */
int seep_rate_direction(const struct seep_diff_rate *base,
                        const struct seep_diff_rate *fresh, bool alike);

#endif
