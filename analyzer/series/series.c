/* From cumulative counters to live counts.
 *
 * Counters are read shard by shard while the program runs, so a release may be seen
 * before its acquisition: a difference below zero is held to zero.
 *
 * SPDX-License-Identifier: MIT
 */
#include "series/series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int seep_series_new(const struct seep_recording *recording, struct seep_series *out)
{
    size_t n = recording->snapshot_count;
    double *values = calloc(n > 0 ? n : 1, 3 * sizeof(*values));
    struct seep_counters *counters = calloc(n > 0 ? n : 1, sizeof(*counters));

    if (values == NULL || counters == NULL) {
        free(values);
        free(counters);
        return -ENOMEM;
    }
    *out = (struct seep_series){.n = n,
                                .t_s = values,
                                .live = values + n,
                                .live_bytes = values + 2 * n,
                                .counters = counters};
    for (size_t i = 0; i < n; i++) {
        values[i] = (double)recording->snapshots[i].t_ns / 1e9;
    }
    return 0;
}

void seep_series_free(struct seep_series *series)
{
    free(series->t_s);
    free(series->counters);
    *series = (struct seep_series){0};
}

static double difference(uint64_t acquired, uint64_t released)
{
    return fmax((double)acquired - (double)released, 0);
}

void seep_series_read(struct seep_series *series, const struct seep_recording *recording,
                      uint32_t site)
{
    seep_recording_site_counters(recording, site, series->counters);
    for (size_t i = 0; i < series->n; i++) {
        const struct seep_counters *at = &series->counters[i];

        series->live[i] = difference(at->acquired, at->released);
        series->live_bytes[i] = difference(at->acquired_bytes, at->released_bytes);
    }
}

void seep_series_add(struct seep_series *series, const struct seep_recording *recording,
                     uint32_t site)
{
    seep_recording_site_counters(recording, site, series->counters);
    for (size_t i = 0; i < series->n; i++) {
        const struct seep_counters *at = &series->counters[i];

        series->live[i] += difference(at->acquired, at->released);
        series->live_bytes[i] += difference(at->acquired_bytes, at->released_bytes);
    }
}
