/* From cumulative counters to live counts.
 *
 * A site keeps its value between its points, so a series is made span by span: the inner
 * loops are plain, and the compiler makes vectors of them.
 *
 * Counters are read shard by shard while the program runs, so a release may be seen
 * before its acquisition: a difference below zero is held to zero.
 *
 * SPDX-License-Identifier: MIT
 */
#include "series/series.h"

#include <errno.h>
#include <stdlib.h>

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

static void add_span(struct seep_series *series, size_t from, size_t to, double live,
                     double live_bytes)
{
    if (live == 0 && live_bytes == 0) {
        return;
    }
    for (size_t i = from; i < to; i++) {
        series->live[i] += live;
        series->live_bytes[i] += live_bytes;
    }
}

/* Walks over the spans in which a site keeps its value. */
static void walk(struct seep_series *series, const struct seep_recording *recording,
                 uint32_t site,
                 void (*span)(struct seep_series *, size_t, size_t, double, double))
{
    static const struct seep_points none;
    struct seep_points_cursor at = seep_points_start(
        site < recording->site_count ? &recording->sites[site].points : &none);
    double live = 0;
    double live_bytes = 0;
    size_t from = 0;

    while (seep_points_next(&at)) {
        const struct seep_counters *now = &at.now.counters;

        span(series, from, at.now.snapshot, live, live_bytes);
        live = difference(now->acquired, now->released);
        live_bytes = difference(now->acquired_bytes, now->released_bytes);
        from = at.now.snapshot;
    }
    span(series, from, series->n, live, live_bytes);
}

void seep_series_read(struct seep_series *series, const struct seep_recording *recording,
                      uint32_t site)
{
    walk(series, recording, site, set_span);
}

void seep_series_add(struct seep_series *series, const struct seep_recording *recording,
                     uint32_t site)
{
    walk(series, recording, site, add_span);
}
