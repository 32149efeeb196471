/* From cumulative counters to live counts.
 *
 * A site keeps its value between its points, so a series is made span by span. A sum of
 * many sites is made of their changes, which are added up once: adding spans would cost
 * each site all snapshots. All are whole numbers, exact as doubles up to 2^53.
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
#include <string.h>

int seep_series_new(const struct seep_recording *recording, struct seep_series *out)
{
    size_t n = recording->snapshot_count;
    double *values = calloc(n > 0 ? n : 1, 3 * sizeof(*values));

    if (values == NULL) {
        return -ENOMEM;
    }
    *out = (struct seep_series){
        .n = n, .t_s = values, .live = values + n, .live_bytes = values + 2 * n};
    for (size_t i = 0; i < n; i++) {
        values[i] = (double)recording->snapshots[i].t_ns / 1e9;
    }
    return 0;
}

void seep_series_free(struct seep_series *series)
{
    free(series->t_s);
    *series = (struct seep_series){0};
}

static double difference(uint64_t acquired, uint64_t released)
{
    return acquired > released ? (double)acquired - (double)released : 0;
}

/* A site's value from one snapshot up to another. */
static void set_span(struct seep_series *series, size_t from, size_t to, double live,
                     double live_bytes)
{
    for (size_t i = from; i < to; i++) {
        series->live[i] = live;
        series->live_bytes[i] = live_bytes;
    }
}

static const struct seep_points *points_of(const struct seep_recording *recording,
                                           uint32_t site)
{
    static const struct seep_points none;

    return site < recording->site_count ? &recording->sites[site].points : &none;
}

void seep_series_read(struct seep_series *series, const struct seep_recording *recording,
                      uint32_t site)
{
    struct seep_points_cursor at = seep_points_start(points_of(recording, site));
    double live = 0;
    double live_bytes = 0;
    size_t from = 0;

    while (seep_points_next(&at)) {
        const struct seep_counters *now = &at.now.counters;

        set_span(series, from, at.now.snapshot, live, live_bytes);
        live = difference(now->acquired, now->released);
        live_bytes = difference(now->acquired_bytes, now->released_bytes);
        from = at.now.snapshot;
    }
    set_span(series, from, series->n, live, live_bytes);
}

void seep_series_sum_begin(struct seep_series *series)
{
    memset(series->live, 0, series->n * sizeof(*series->live));
    memset(series->live_bytes, 0, series->n * sizeof(*series->live_bytes));
}

void seep_series_sum_add(struct seep_series *series,
                         const struct seep_recording *recording, uint32_t site)
{
    struct seep_points_cursor at = seep_points_start(points_of(recording, site));
    double live = 0;
    double live_bytes = 0;

    while (seep_points_next(&at) && at.now.snapshot < series->n) {
        const struct seep_counters *now = &at.now.counters;
        double live_now = difference(now->acquired, now->released);
        double bytes_now = difference(now->acquired_bytes, now->released_bytes);

        series->live[at.now.snapshot] += live_now - live;
        series->live_bytes[at.now.snapshot] += bytes_now - live_bytes;
        live = live_now;
        live_bytes = bytes_now;
    }
}

static void add_up(double *values, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += values[i];
        values[i] = fmax(sum, 0); /* whole numbers: less than 0 by rounding alone */
    }
}

void seep_series_sum_end(struct seep_series *series)
{
    add_up(series->live, series->n);
    add_up(series->live_bytes, series->n);
}
