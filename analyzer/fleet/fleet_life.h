/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_FLEET_LIFE_H
#define SEEP_ANALYZER_FLEET_FLEET_LIFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/fleet_slice.h"

/* Marks the steps at which a program began anew, by its age: where that falls.
 *
 * ages:     borrowed; one value per step, NAN where there is none.
 * restarts: in/out; one per step; only ever set.
 * Returns: restarts found. Thread-safety: pure. Cost: O(steps). */
size_t seep_fleet_restarts_by_age(const double *ages, size_t steps, bool *restarts);

/* The same where no age is known: nearly all of at least three series fall below half,
 * and all together below a quarter, from one step to the next. One series that falls is a
 * cache that was emptied.
 *
 * slice:   borrowed. member: which of its series are of the program; one per series.
 * Cost: O(series x steps). */
size_t seep_fleet_restarts_by_fall(const struct seep_fleet_slice *slice,
                                   const bool *member, bool *restarts);

/* A stretch of a series in which one process lived and was looked at. */
struct seep_fleet_life {
    size_t from, to; /* steps [from, to); the first has a sample */
    bool born;       /* the process began at `from` */
};

struct seep_fleet_cuts {
    uint64_t gaps;     /* cuts at gaps longer than a tenth of the range */
    uint64_t missing;  /* steps without a sample inside of lives */
    uint64_t left_off; /* lives older than the newest SEEP_FLEET_LIVES_MAX */
};

/* Cuts a series at restarts and at long gaps.
 *
 * values, restarts: borrowed; `steps` each. out: borrowed; room for SEEP_FLEET_LIVES_MAX.
 * cuts: in/out, added to.
 * Returns: lives; of more than there is room for, the newest. Thread-safety: pure. Cost:
 * O(steps). */
enum { SEEP_FLEET_LIVES_MAX = 64 };
size_t seep_fleet_lives(const double *values, const bool *restarts, size_t steps,
                        struct seep_fleet_life *out, struct seep_fleet_cuts *cuts);

/* Copies what a life has of samples. Returns: how many; t_s and y have room for to -
 * from. */
size_t seep_fleet_life_points(const double *values, const struct seep_fleet_life *life,
                              double step_s, double *t_s, double *y);

#endif
