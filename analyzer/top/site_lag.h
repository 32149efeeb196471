/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TOP_SITE_LAG_H
#define SEEP_ANALYZER_TOP_SITE_LAG_H

#include "load/recording.h"

/* The counters of sites at a snapshot that moves forward with a recording that grows:
 * each point is decoded once, not once a look. All-zero is a valid empty one, with the
 * recording's rows from the first use on; another recording needs seep_site_lag_fini.
 */
struct seep_site_lag {
    struct seep_lag_site *sites; /* owned; by site id */
    size_t count;
};

struct seep_lag_site {
    struct seep_points_cursor cursor;
    struct seep_counters at_snapshot;
    uint32_t snapshot; /* that at_snapshot is of */
    uint32_t seen;     /* points that the cursor knows of */
    bool ahead;        /* cursor.now is a point behind that snapshot */
};

/* Room for all sites of the recording. Returns: 0; -ENOMEM, nothing changed. */
int seep_site_lag_reserve(struct seep_site_lag *lag,
                          const struct seep_recording *recording);

/* A site's counters at a snapshot, as seep_points_at gives them. site: in range, and room
 * for it. Thread-safety: owner thread. Cost: O(points since the snapshot of the last
 * call for this site); O(points) when that was a later one. */
struct seep_counters seep_site_lag_at(struct seep_site_lag *lag,
                                      const struct seep_recording *recording,
                                      uint32_t site, size_t snapshot);

void seep_site_lag_fini(struct seep_site_lag *lag);

#endif
