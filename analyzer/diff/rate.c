/* Rates of growth compared by their ranges.
 *
 * Ranges of 95 % that do not overlap ask for more than a test of the difference at 5 %
 * would (about 0.6 % for ranges alike wide): a diff looks at many sites, and whoever
 * reads it acts on each. Source: Schenker and Gentleman 2001, The American Statistician
 * 55(3).
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/rate.h"

#include <math.h>

static const double Z95 = 1.959964; /* two-sided 95 % of the normal distribution */

struct seep_diff_rate seep_rate_times(struct seep_diff_rate rate, double factor)
{
    return (struct seep_diff_rate){rate.per_s * factor, rate.low_per_s * factor,
                                   rate.high_per_s * factor};
}

static double error_of(const struct seep_diff_rate *rate)
{
    return (rate->high_per_s - rate->low_per_s) / 2 / Z95;
}

double seep_rate_confidence(const struct seep_diff_rate *a,
                            const struct seep_diff_rate *b)
{
    double error = hypot(error_of(a), error_of(b));

    if (!isfinite(error) || error <= 0) {
        return 0;
    }
    return erf(fabs(a->per_s - b->per_s) / error / sqrt(2));
}

int seep_rate_direction(const struct seep_diff_rate *base,
                        const struct seep_diff_rate *fresh, bool alike)
{
    double ratio = alike ? SEEP_RATE_RATIO_LEAST : 1;

    if (fresh->low_per_s > base->high_per_s && fresh->per_s > base->per_s * ratio) {
        return 1;
    }
    if (fresh->high_per_s < base->low_per_s && base->per_s > fresh->per_s * ratio) {
        return -1;
    }
    return 0;
}
