/* Time to a limit, by a straight line.
 *
 * The ends of the interval solve (left - u t)^2 = q^2 (e^2 t^2 + w t + l^2): u the slope,
 * e its error, w what the way adds, l the error of the level, q the quantile. Dividing by
 * the ends of the slope's own interval was rejected: it knows nothing of what will happen
 * between now and then, which is most of it for a leak of rare blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/forecast.h"

#include <errno.h>
#include <math.h>

#include "trend/student.h"

static const double TAIL = 0.05; /* on each side of the interval */

int seep_forecast(double now, double limit, struct seep_slope slope,
                  struct seep_forecast_time *out)
{
    double left = fmax(limit - now, 0);
    double u = slope.u_per_s;

    if (!(u > 0)) {
        return -ERANGE;
    }
    *out = (struct seep_forecast_time){left / u, left / u, left / u};
    if (slope.freedom < 1 || left <= 0) {
        return 0;
    }
    double q = seep_student_point(TAIL, (size_t)slope.freedom);
    double a = u * u - q * q * slope.error_u_per_s * slope.error_u_per_s;
    double half = left * u + q * q * slope.walk_u2_per_s / 2;
    double c = left * left - q * q * slope.level_u * slope.level_u;
    double root = sqrt(fmax(half * half - a * c, 0));

    /* The lesser root without a difference of two large numbers; c <= 0: it may be there
     * already. */
    out->low_s = fmin(fmax(c, 0) / (half + root), out->s);
    out->high_s = a > 0 ? fmax((half + root) / a, out->s) : INFINITY;
    return 0;
}
