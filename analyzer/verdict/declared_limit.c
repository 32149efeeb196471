/* Limits that the program itself declared of its containers.
 *
 * A ring that fills for longer than the run has the curve of a leak; only the program
 * knows better. Its word is taken, and checked: what it says to hold at most so many
 * entries is no leak below that, and above it is one without any test.
 * Taking the limit for a level in the plateau's fit was rejected: a straight line far
 * below its limit has no bend that a fit could find.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/declared_limit.h"

#include "verdict/sampling_error.h"

static const struct seep_rec_limit *limit_of(const struct seep_recording *recording,
                                             uint32_t site)
{
    uint32_t limit = recording->sites[site].limit;

    return limit != 0 ? &recording->limits[limit] : NULL;
}

bool seep_declared_limit_is_broken(const struct seep_recording *recording,
                                   const struct seep_window *window,
                                   struct seep_series *series, uint32_t site)
{
    const struct seep_rec_limit *limit = limit_of(recording, site);
    size_t last = seep_window_points(window) / SEEP_LIMIT_LAST_PART;

    if (limit == NULL || recording->sites[site].points.count == 0) {
        return false;
    }
    last = last > SEEP_LIMIT_LAST_MIN ? last : SEEP_LIMIT_LAST_MIN;
    seep_series_read(series, recording, site);

    double spread = seep_sampling_spread_of(recording, site).live;

    for (size_t i = window->end; i > window->warm && i + last > window->end; i--) {
        double live = series->live[i - 1];

        if (live - seep_sampling_error(spread * live, spread) <= (double)limit->most) {
            return false;
        }
    }
    return window->end > window->warm;
}

enum seep_verdict seep_declared_limit_verdict(const struct seep_recording *recording,
                                              uint32_t site, bool is_broken,
                                              const struct seep_growth_case *evidence,
                                              enum seep_verdict by_curve)
{
    if (is_broken) {
        return SEEP_VERDICT_DEFINITE;
    }
    if (by_curve > SEEP_VERDICT_BOUNDED && limit_of(recording, site) != NULL &&
        evidence->count.rise >= seep_growth_least_count(evidence->kind)) {
        return SEEP_VERDICT_BOUNDED;
    }
    return by_curve;
}

struct seep_view_limit seep_declared_limit_view(const struct seep_recording *recording,
                                                uint32_t site, bool is_broken)
{
    const struct seep_rec_limit *limit = limit_of(recording, site);

    return limit == NULL ? (struct seep_view_limit){0}
                         : (struct seep_view_limit){.container = limit->container,
                                                    .most = limit->most,
                                                    .is_broken = is_broken};
}
