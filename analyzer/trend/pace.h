/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_PACE_H
#define SEEP_ANALYZER_TREND_PACE_H

#include <stddef.h>

/* What a growing series keeps pace with. */
enum seep_pace_by {
    SEEP_PACE_UNKNOWN = 0,    /* both explain it as well, or neither does */
    SEEP_PACE_OPERATIONS = 1, /* rises with the work done, stops when that stops */
    SEEP_PACE_TIME = 2        /* rises with the clock, whatever the load */
};

struct seep_pace {
    enum seep_pace_by by;
    double per_operation; /* slope over operations, in units of y; 0 unknown */
    double support;       /* AICc(time) - AICc(operations): > 0 speaks for operations */
    double operations;    /* of the series' whole length */
};

enum {
    SEEP_PACE_STRETCHES_MAX = 24,
    SEEP_PACE_STRETCHES_MIN = 8,  /* fewer cannot decide */
    SEEP_PACE_OPERATIONS_MIN = 20 /* in the series */
};
/* Akaike difference from which one of two models is believed: 20 : 1. */
static const double SEEP_PACE_SUPPORT_MIN = 6;

/* Compares how well the growth of y fits the time and the operations that passed.
 *
 * The lower envelope is cut to at most 24 stretches; its rise from trough to trough is
 * fitted, through the origin, to the time and to the operations between the two.
 *
 * t_s, operations, y: borrowed; n values each; t_s strictly rising, operations
 *         cumulative.
 * unit:   the least that y can change by (1 block; the mean bytes of one): rises known
 *         no better than that are no evidence.
 * Returns: by = UNKNOWN when there is too little data, when the load was so constant
 *   that both fit as well, and when neither explains half of the rises.
 * Thread-safety: pure. Allocates: no. Cost: O(n).
 * Source: Burnham, Anderson 2002, Model Selection and Multimodel Inference, 2.6 (AICc,
 * differences); the fit of increments rather than of levels is own: two counts that only
 * ever rise correlate whatever they count (Granger, Newbold 1974, J. Econometrics 2).
 */
struct seep_pace seep_pace_compare(const double *t_s, const double *operations,
                                   const double *y, size_t n, double unit);

#endif
