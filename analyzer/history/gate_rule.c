/* How much a known finding may grow before it counts as worse.
 *
 * Rates of growth scatter in proportion to themselves, so the rule is made of their
 * logarithms: the upper prediction limit for one more run, by Student's t. A rise of less
 * than SEEP_GATE_EFFECT is never worse: runs that agree to a percent would make a limit
 * that noise passes. Too few runs for a scatter are compared by hand.
 *
 * Source: Hahn, Meeker, Statistical Intervals (1991), 4.8 (prediction of one future
 * observation); rates by tests/stat (docs/history.md).
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/gate_rule.h"

#include <math.h>

#include "trend/student.h"

static bool is_usable(double value)
{
    return isfinite(value) && value > 0;
}

struct seep_gate_bound seep_gate_rule(const double *values, size_t n)
{
    struct seep_gate_bound bound = {NAN, INFINITY, 0, false};
    double sum = 0;
    double squares = 0;
    double most = 0;
    double mean = 0;

    for (size_t i = 0; i < n; i++) {
        if (is_usable(values[i])) {
            sum += log(values[i]);
            most = fmax(most, values[i]);
            bound.used++;
        }
    }
    if (bound.used == 0) {
        return bound;
    }
    mean = sum / (double)bound.used;
    bound.typical = exp(mean);
    if (bound.used < SEEP_GATE_RUNS_MIN) {
        bound.by_hand = true;
        bound.bound = SEEP_GATE_BY_HAND * most;
        return bound;
    }
    for (size_t i = 0; i < n; i++) {
        if (is_usable(values[i])) {
            squares += pow(log(values[i]) - mean, 2);
        }
    }
    bound.bound = exp(mean + seep_student_point(SEEP_GATE_TAIL, bound.used - 1) *
                                 sqrt(squares / (double)(bound.used - 1)) *
                                 sqrt(1 + 1 / (double)bound.used));
    bound.bound = fmax(bound.bound, SEEP_GATE_EFFECT * bound.typical);
    return bound;
}
