/* Plateau fit.
 *
 * For a given time constant the rest is linear, so a grid of them is enough: neighbours
 * differ by a fifth, which moves the sum of squares by less than noise does. An iterative
 * fit was rejected: it may not converge, and where it stops depends on rounding.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/saturation.h"

#include <math.h>

enum { POINTS_MIN = 8, TAUS = 24 };

static const double TAU_LEAST = 0.05; /* of the series' length */
static const double TAU_STEP = 1.21;  /* 0.05 * 1.21^23 = 4 */

struct fit {
    double slope; /* of y over the shape */
    double left;  /* sum of squares left over */
};

/* Regression of y on exp(-i/tau), or on i itself where tau is 0. */
static struct fit fit_shape(const double *y, size_t n, double tau)
{
    double shape = tau > 0 ? 1 : 0;
    double factor = tau > 0 ? exp(-1 / tau) : 0;
    double mean_x = 0;
    double mean_y = 0;
    double xx = 0;
    double xy = 0;
    double yy = 0;

    for (size_t i = 0; i < n; i++) { /* Welford's running means: no cancellation */
        double dx = shape - mean_x;
        double dy = y[i] - mean_y;

        mean_x += dx / (double)(i + 1);
        mean_y += dy / (double)(i + 1);
        xx += dx * (shape - mean_x);
        xy += dx * (y[i] - mean_y);
        yy += dy * (y[i] - mean_y);
        shape = tau > 0 ? shape * factor : shape + 1;
    }
    return (struct fit){.slope = xy / xx, .left = fmax(yy - xy * xy / xx, 1e-12 * yy)};
}

static double aicc(double left, size_t n, double parameters)
{
    double count = (double)n;

    return count * log(left / count) + 2 * parameters * count / (count - parameters - 1);
}

struct seep_saturation seep_saturation_fit(const double *y, size_t n)
{
    struct seep_saturation best = {.end_pace = 1};
    double length = (double)(n > 0 ? n - 1 : 0);

    if (n < POINTS_MIN) {
        return best;
    }
    struct fit line = fit_shape(y, n, 0);
    struct fit approach = {.left = INFINITY};
    double tau = TAU_LEAST * length;

    if (!(line.left > 0)) {
        return best; /* all values are equal */
    }
    for (unsigned i = 0; i < TAUS; i++, tau *= TAU_STEP) {
        struct fit fit = fit_shape(y, n, tau);

        if (fit.left < approach.left && fit.slope < 0) { /* rises towards its level */
            approach = fit;
            best.tau = tau;
        }
    }
    if (approach.left < INFINITY) {
        double at_end = exp(-length / best.tau);

        /* three parameters and the variance against two and the variance */
        best.gain_aicc = aicc(line.left, n, 3) - aicc(approach.left, n, 4);
        best.end_pace = at_end / best.tau * length / (1 - at_end);
    }
    return best;
}
