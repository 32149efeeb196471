/* From a recording to the rows of a table.
 *
 * Growth and rate are over a window of seconds that the user chooses, from two states of
 * each site: they answer "what happens now", which no verdict does, and judge nothing.
 * The rates of the trend stage were rejected: they are over the whole run and cost it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "top/top_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool seep_top_kind_has_bytes(enum seep_kind kind)
{
    return kind == SEEP_KIND_HEAP || kind == SEEP_KIND_MAPPING;
}

size_t seep_top_snapshot_at(const struct seep_recording *recording, uint64_t t_ns)
{
    size_t low = 0;
    size_t high = recording->snapshot_count; /* the first later one is in low .. high */

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (recording->snapshots[middle].t_ns <= t_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? low - 1 : 0;
}

static uint64_t held(uint64_t acquired, uint64_t released)
{
    return acquired > released ? acquired - released : 0;
}

static double change(uint64_t before, uint64_t now)
{
    return now >= before ? (double)(now - before) : -(double)(before - now);
}

static struct seep_top_row make_row(uint32_t site, const struct seep_counters *before,
                                    const struct seep_counters *now, double window_s)
{
    struct seep_top_row row = {
        .site = site,
        .live = held(now->acquired, now->released),
        .live_bytes = held(now->acquired_bytes, now->released_bytes),
    };

    if (window_s > 0) {
        row.growth_per_s =
            change(held(before->acquired, before->released), row.live) / window_s;
        row.growth_bytes_per_s =
            change(held(before->acquired_bytes, before->released_bytes), row.live_bytes) /
            window_s;
        row.acquired_per_s = change(before->acquired, now->acquired) / window_s;
    }
    return row;
}

static double key_of(const struct seep_top_row *row, const struct seep_top_query *query)
{
    bool bytes = seep_top_kind_has_bytes(query->kind);

    switch (query->sort) {
    case SEEP_TOP_BY_GROWTH:
        return bytes ? row->growth_bytes_per_s : row->growth_per_s;
    case SEEP_TOP_BY_RATE:
        return row->acquired_per_s;
    default:
        return (double)(bytes ? row->live_bytes : row->live);
    }
}

static int by_key(const void *a, const void *b)
{
    const struct seep_top_row *x = a;
    const struct seep_top_row *y = b;

    if (x->key != y->key) {
        return x->key > y->key ? -1 : 1;
    }
    return x->site < y->site ? -1 : x->site > y->site;
}

static void add_to_total(struct seep_top_row *total, const struct seep_top_row *row)
{
    total->live += row->live;
    total->live_bytes += row->live_bytes;
    total->growth_per_s += row->growth_per_s;
    total->growth_bytes_per_s += row->growth_bytes_per_s;
    total->acquired_per_s += row->acquired_per_s;
}

static int reserve_rows(struct seep_top_model *model, size_t need)
{
    struct seep_top_row *grown = NULL;

    if (need <= model->capacity) {
        return 0;
    }
    grown = reallocarray(model->rows, need, sizeof(*grown));
    if (grown == NULL) {
        return -ENOMEM;
    }
    model->rows = grown;
    model->capacity = need;
    return 0;
}

static bool is_asked_for(const struct seep_recording *recording,
                         const struct seep_rec_site *site,
                         const struct seep_top_query *query)
{
    return site->kind == (uint8_t)query->kind && site->points.count != 0 &&
           (query->subsystem[0] == '\0' ||
            strstr(recording->subsystems[site->subsystem], query->subsystem) != NULL);
}

static void fill_rows(struct seep_top_model *model,
                      const struct seep_recording *recording,
                      const struct seep_top_query *query, size_t from)
{
    for (uint32_t site = 1; site < recording->site_count; site++) {
        if (!is_asked_for(recording, &recording->sites[site], query)) {
            continue;
        }
        struct seep_counters before =
            seep_site_lag_at(&model->before, recording, site, from);
        struct seep_counters now =
            seep_site_lag_at(&model->shown, recording, site, query->snapshot);
        struct seep_top_row row = make_row(site, &before, &now, model->window_s);

        if (row.live != 0 || row.growth_per_s != 0 || row.acquired_per_s > 0) {
            row.key = key_of(&row, query);
            add_to_total(&model->total, &row);
            model->rows[model->count++] = row;
        }
    }
}

int seep_top_model_update(struct seep_top_model *model,
                          const struct seep_recording *recording,
                          const struct seep_top_query *query)
{
    size_t from = 0;

    model->count = 0;
    model->total = (struct seep_top_row){0};
    model->window_s = 0;
    if (query->snapshot >= recording->snapshot_count) {
        return 0;
    }
    if (reserve_rows(model, recording->site_count) < 0 ||
        seep_site_lag_reserve(&model->shown, recording) < 0 ||
        seep_site_lag_reserve(&model->before, recording) < 0) {
        return -ENOMEM;
    }
    uint64_t t_ns = recording->snapshots[query->snapshot].t_ns;
    double window_ns = query->window_s * 1e9;

    if ((double)t_ns > window_ns) {
        from = seep_top_snapshot_at(recording, t_ns - (uint64_t)window_ns);
    }
    model->window_s = (double)(t_ns - recording->snapshots[from].t_ns) / 1e9;
    fill_rows(model, recording, query, from);
    qsort(model->rows, model->count, sizeof(*model->rows), by_key);
    return 0;
}

void seep_top_model_fini(struct seep_top_model *model)
{
    free(model->rows);
    seep_site_lag_fini(&model->shown);
    seep_site_lag_fini(&model->before);
    *model = (struct seep_top_model){0};
}

/* The time of column i of n, the last one's being that of the snapshot. */
static uint64_t column_ns(const struct seep_recording *recording, size_t snapshot,
                          size_t i, size_t n)
{
    uint64_t from = recording->snapshots[0].t_ns;
    uint64_t span = recording->snapshots[snapshot].t_ns - from;

    return n < 2 ? from + span
                 : from + (uint64_t)((double)span * (double)i / (double)(n - 1));
}

/* The snapshot of column i; exact for the last, which rounding might miss. */
static size_t column_snapshot(const struct seep_recording *recording, size_t snapshot,
                              size_t i, size_t n)
{
    return i + 1 == n
               ? snapshot
               : seep_top_snapshot_at(recording, column_ns(recording, snapshot, i, n));
}

void seep_top_curve_process(const struct seep_recording *recording,
                            enum seep_top_curve curve, size_t snapshot, double *out,
                            size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct seep_rec_snapshot *at =
            &recording->snapshots[column_snapshot(recording, snapshot, i, n)];

        out[i] = (double)(curve == SEEP_TOP_CURVE_MEMORY    ? at->rss_bytes
                          : curve == SEEP_TOP_CURVE_THREADS ? at->threads
                                                            : at->fds);
    }
}

void seep_top_curve_site(const struct seep_recording *recording, uint32_t site,
                         size_t snapshot, double *out, size_t n)
{
    const struct seep_rec_site *s = &recording->sites[site];
    struct seep_points_cursor cursor = seep_points_start(&s->points);
    struct seep_counters now = {0};
    bool bytes = seep_top_kind_has_bytes((enum seep_kind)s->kind);
    bool more = seep_points_next(&cursor);

    for (size_t i = 0; i < n; i++) {
        size_t at = column_snapshot(recording, snapshot, i, n);

        while (more && cursor.now.snapshot <= at) {
            now = cursor.now.counters;
            more = seep_points_next(&cursor);
        }
        out[i] = (double)(bytes ? held(now.acquired_bytes, now.released_bytes)
                                : held(now.acquired, now.released));
    }
}
