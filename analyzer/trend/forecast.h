/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_FORECAST_H
#define SEEP_ANALYZER_TREND_FORECAST_H

#include "trend/theil_sen.h"

struct seep_forecast_time {
    double s;      /* until the limit is reached at the measured slope */
    double low_s;  /* at the steepest slope of the interval */
    double high_s; /* at the flattest; INFINITY when that does not rise */
};

/* When a quantity that grows at `slope` reaches `limit`.
 *
 * now, limit:  same unit U as the slope's. Already there: all times 0.
 * Returns: 0; -ERANGE when the slope does not rise (out untouched). Thread-safety: pure.
 * Source: linear extrapolation; the interval is that of the slope (theil_sen.h), nothing
 * else.
 */
int seep_forecast(double now, double limit, struct seep_slope slope,
                  struct seep_forecast_time *out);

#endif
