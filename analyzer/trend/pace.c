/* Per operation or per hour?
 *
 * Both the time and the operations done only ever rise, so a count that rises correlates
 * with either, closely and for no reason. What tells them apart is that the load changes:
 * a busy minute brings much of a leak per operation and no more than its share of a leak
 * per hour. So the rises between the troughs of the envelope are compared, not the
 * levels: their errors are nearly independent, which those of two sums are not.
 *
 * Both models have one slope and one variance, so the difference of their AICc is that of
 * the logarithms of the squares that they leave. Rounding to whole blocks, and a ten
 * thousandth of the squares, are added to both: two perfect fits are a draw.
 *
 * A regression on both at once (a partial correlation) was rejected: under a nearly
 * constant load it divides two noises and calls the result a share.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/pace.h"

#include <math.h>

static const double EXPLAINED_MIN = 0.5; /* of the squared rises */
static const double PERFECT = 1e-4;      /* of them; who leaves less explains all */

struct rises {
    size_t n;
    double t[SEEP_PACE_STRETCHES_MAX];
    double operations[SEEP_PACE_STRETCHES_MAX];
    double y[SEEP_PACE_STRETCHES_MAX];
};

/* The trough of a stretch: the first of its smallest values. */
static size_t trough(const double *y, size_t from, size_t end)
{
    size_t at = from;

    for (size_t i = from; i < end; i++) {
        at = y[i] < y[at] ? i : at;
    }
    return at;
}

static struct rises rises_of(const double *t_s, const double *operations, const double *y,
                             size_t n)
{
    struct rises rises = {0};
    size_t stretches = n / 2 < SEEP_PACE_STRETCHES_MAX ? n / 2 : SEEP_PACE_STRETCHES_MAX;
    size_t last = 0;

    for (size_t i = 0; i < stretches; i++) {
        size_t at = trough(y, i * n / stretches, (i + 1) * n / stretches);

        if (i > 0) {
            rises.t[rises.n] = t_s[at] - t_s[last];
            rises.operations[rises.n] = operations[at] - operations[last];
            rises.y[rises.n++] = y[at] - y[last];
        }
        last = at;
    }
    return rises;
}

/* The slope of y over x through the origin, and the squares that it leaves. */
static double slope_of(const double *x, const double *y, size_t n, double *left)
{
    double xx = 0;
    double xy = 0;

    for (size_t i = 0; i < n; i++) {
        xx += x[i] * x[i];
        xy += x[i] * y[i];
    }
    double slope = xx > 0 ? xy / xx : 0;

    *left = 0;
    for (size_t i = 0; i < n; i++) {
        *left += (y[i] - slope * x[i]) * (y[i] - slope * x[i]);
    }
    return slope;
}

struct seep_pace seep_pace_compare(const double *t_s, const double *operations,
                                   const double *y, size_t n, double unit)
{
    struct seep_pace pace = {0};
    double squares = 0;
    double by_time = 0;
    double by_operations = 0;

    if (n < 2 * (SEEP_PACE_STRETCHES_MIN + 1)) {
        return pace;
    }
    const struct rises rises = rises_of(t_s, operations, y, n);
    double rounding = (double)rises.n * unit * unit / 6; /* of a difference of two */

    pace.operations = operations[n - 1] - operations[0];
    if (pace.operations < SEEP_PACE_OPERATIONS_MIN) {
        return pace;
    }
    for (size_t i = 0; i < rises.n; i++) {
        squares += rises.y[i] * rises.y[i];
    }
    if (squares <= 0) {
        return pace;
    }
    rounding += PERFECT * squares;
    (void)slope_of(rises.t, rises.y, rises.n, &by_time);
    pace.per_operation = slope_of(rises.operations, rises.y, rises.n, &by_operations);
    pace.support =
        (double)rises.n * log((by_time + rounding) / (by_operations + rounding));
    if (pace.support >= SEEP_PACE_SUPPORT_MIN &&
        by_operations <= (1 - EXPLAINED_MIN) * squares && pace.per_operation > 0) {
        pace.by = SEEP_PACE_OPERATIONS;
    } else if (pace.support <= -SEEP_PACE_SUPPORT_MIN &&
               by_time <= (1 - EXPLAINED_MIN) * squares) {
        pace.by = SEEP_PACE_TIME;
    }
    return pace;
}
