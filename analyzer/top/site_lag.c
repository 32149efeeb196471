/* What all sites were at a past snapshot, a second later and a second later.
 *
 * A cursor per site that waits before the first point behind the snapshot. Decoding each
 * site's points from the start was rejected: 10,000 sites with 2,000 points each are some
 * 100 ms a look. Keeping all counters at each snapshot was rejected too: 320 kB a second.
 *
 * SPDX-License-Identifier: MIT
 */
#include "top/site_lag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int seep_site_lag_reserve(struct seep_site_lag *lag,
                          const struct seep_recording *recording)
{
    size_t need = recording->site_count;
    struct seep_lag_site *grown = NULL;

    if (need <= lag->count) {
        return 0;
    }
    need += need / 4;
    grown = reallocarray(lag->sites, need, sizeof(*grown));
    if (grown == NULL) {
        return -ENOMEM;
    }
    memset(grown + lag->count, 0, (need - lag->count) * sizeof(*grown));
    lag->sites = grown;
    lag->count = need;
    return 0;
}

/* Lets the cursor know of points that were added behind its last one. */
static void see_points(struct seep_lag_site *site, const struct seep_points *points)
{
    if (site->seen == 0) {
        site->cursor = seep_points_start(points);
    } else {
        site->cursor.left += points->count - site->seen;
    }
    site->seen = points->count;
}

struct seep_counters seep_site_lag_at(struct seep_site_lag *lag,
                                      const struct seep_recording *recording,
                                      uint32_t site, size_t snapshot)
{
    const struct seep_points *points = &recording->sites[site].points;
    struct seep_lag_site *s = &lag->sites[site];

    if (snapshot < s->snapshot) {
        *s = (struct seep_lag_site){0};
    }
    if (points->count != s->seen) {
        see_points(s, points);
    }
    while (s->ahead || seep_points_next(&s->cursor)) {
        s->ahead = s->cursor.now.snapshot > snapshot;
        if (s->ahead) {
            break;
        }
        s->at_snapshot = s->cursor.now.counters;
    }
    s->snapshot = (uint32_t)snapshot;
    return s->at_snapshot;
}

void seep_site_lag_fini(struct seep_site_lag *lag)
{
    free(lag->sites);
    *lag = (struct seep_site_lag){0};
}
