/* Time to a limit, by a straight line.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/forecast.h"

#include <errno.h>
#include <math.h>

int seep_forecast(double now, double limit, struct seep_slope slope,
                  struct seep_forecast_time *out)
{
    double left = fmax(limit - now, 0);

    if (!(slope.u_per_s > 0)) {
        return -ERANGE;
    }
    out->s = left / slope.u_per_s;
    out->low_s = left / fmax(slope.high_u_per_s, slope.u_per_s);
    out->high_s = slope.low_u_per_s > 0 ? left / slope.low_u_per_s : INFINITY;
    return 0;
}
