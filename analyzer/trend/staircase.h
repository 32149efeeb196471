/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_STAIRCASE_H
#define SEEP_ANALYZER_TREND_STAIRCASE_H

#include <stdbool.h>
#include <stddef.h>

/* A series that rises in steps, each larger than the one before: a table or a buffer that
 * is made larger by a factor whenever it is full. */
struct seep_staircase {
    size_t ups, downs;  /* steps of the whole series, its start from zero not counted */
    size_t window_ups;  /* of them, from `warm` on */
    double window_rise; /* last value minus that at `warm` */
    double pace; /* growth by factor since `warm`, over the growth of t by factor: about 1
                    when what fills the table comes at a steady rate; 0 unknown */
    bool overdue; /* at that rate the next step should have come by now: it stopped */
};

/* Measures a series over its whole run.
 *
 * t_s:   borrowed; n times since the start, strictly rising.
 * y:     borrowed; n finite values >= 0.
 * warm:  < n; where the window begins.
 * Thread-safety: pure. Allocates: no. Cost: O(n).
 * Source: own; a table that grows by the factor g under a steady inflow is enlarged at
 * times t, g t, g^2 t ..., so that no window of a fixed share of the run holds more than
 * a few steps, however long the run.
 */
struct seep_staircase seep_staircase_measure(const double *t_s, const double *y, size_t n,
                                             size_t warm);

#endif
