/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TREND_FORECAST_H
#define SEEP_ANALYZER_TREND_FORECAST_H

#include "trend/theil_sen.h"

struct seep_forecast_time {
    double s;      /* until the limit is reached at the measured slope */
    double low_s;  /* 90 % lie between these two; */
    double high_s; /* INFINITY when the slope may be none */
};

/* When a quantity that grows at `slope` reaches `limit`.
 *
 * now, limit:  same unit U as the slope's. Already there: all times 0.
 * Returns: 0; -ERANGE when the slope does not rise (out untouched). Thread-safety: pure.
 * Source: straight line; both ends are the times at which the limit is one quantile of
 * Student's t (5 % each side, in the slope's degrees of freedom) away from it, the error
 * being that of the slope, of the level now and of the way there: Fieller 1954, J. R.
 * Stat. Soc. B 16(2), 175-185, with the variance of the prediction. A slope whose error
 * was not measured has no interval but the time itself.
 */
int seep_forecast(double now, double limit, struct seep_slope slope,
                  struct seep_forecast_time *out);

#endif
