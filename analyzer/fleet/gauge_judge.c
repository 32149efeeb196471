/* A gauge judged as a site of a recording is: the same statistics, the same gates.
 *
 * What came and went is taken from the steps of the gauge: a lower bound. So a site that
 * lets go of things between two samples looks like one that never does, and that is why
 * the fleet's own verdict (fleet_pivot.c) never says more than probable on one instance.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/gauge_judge.h"

#include <math.h>

#include "trend/staircase.h"

enum { WARM_UP_PART = 3 }; /* a third, as WARM_UP_FRACTION of series/window.c */

struct steps {
    double up, down;
    double first_half_up;
    size_t changes;
};

static struct steps steps_of(const double *y, size_t warm, size_t n)
{
    struct steps steps = {0};

    for (size_t i = warm + 1; i < n; i++) {
        double change = y[i] - y[i - 1];

        steps.up += fmax(change, 0);
        steps.down -= fmin(change, 0);
        steps.changes += change > 0 || change < 0;
        steps.first_half_up += i <= warm + (n - 1 - warm) / 2 ? fmax(change, 0) : 0;
    }
    return steps;
}

bool seep_gauge_measure(const struct seep_gauge *gauge, struct seep_growth_case *out)
{
    size_t n = gauge->n;
    size_t warm = n / WARM_UP_PART;
    struct steps steps = steps_of(gauge->values, warm, n);
    bool bytes = gauge->of_bytes;
    struct seep_growth_case evidence = {
        .kind = gauge->kind,
        .window_s = gauge->t_s[n - 1] - gauge->t_s[warm],
        .acquired = bytes ? (double)steps.changes : steps.up,
        .released = bytes ? 0 : steps.down,
    };

    if (!bytes && steps.first_half_up > 0) {
        evidence.inflow_ratio = (steps.up - steps.first_half_up) / steps.first_half_up;
    }
    if (bytes && gauge->born) { /* a staircase is told by its age */
        evidence.stairs = seep_staircase_measure(gauge->t_s, gauge->values, n, warm);
    }
    if (!seep_growth_testable(gauge->kind, evidence.acquired) &&
        !seep_growth_is_staircase(&evidence)) {
        return false;
    }
    if (seep_growth_case_measure(&evidence, bytes ? NULL : gauge->values,
                                 bytes ? gauge->values : NULL, n, warm) < 0) {
        return false;
    }
    *out = evidence;
    return true;
}

struct seep_slope seep_gauge_slope(const struct seep_gauge *gauge)
{
    double t[SEEP_GAUGE_SLOPE_POINTS];
    double y[SEEP_GAUGE_SLOPE_POINTS];
    double scratch[SEEP_GAUGE_SLOPE_POINTS * (SEEP_GAUGE_SLOPE_POINTS - 1) / 2];
    struct seep_slope slope = {0};
    size_t warm = gauge->n / WARM_UP_PART;
    size_t points = gauge->n - warm;
    size_t n = points < SEEP_GAUGE_SLOPE_POINTS ? points : SEEP_GAUGE_SLOPE_POINTS;

    for (size_t i = 0; i < n; i++) {
        size_t at = warm + (n > 1 ? i * (points - 1) / (n - 1) : 0);

        t[i] = gauge->t_s[at];
        y[i] = gauge->values[at];
    }
    (void)seep_theil_sen(t, y, n, scratch, &slope); /* zero for one point */
    return slope;
}
