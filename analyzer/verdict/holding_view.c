/* Descriptors, timers and mappings of the run as a whole.
 *
 * What is live is said at the last snapshot, like all totals; what was open and where it
 * came from is said at the time of the newest look, which may be older: a process takes
 * its descriptors with it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/holding_view.h"

#include "base/whole.h"
#include "verdict/growth_scan.h"
#include "verdict/target_groups.h"

static const enum seep_kind kinds[] = {SEEP_KIND_FD, SEEP_KIND_TIMER, SEEP_KIND_MAPPING};
enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]), ANY_SUBSYSTEM = UINT32_MAX };

/* Sums one kind into analysis->series. Returns: whether there is any such site. */
static bool sum(struct seep_analysis *analysis, uint32_t subsystem, enum seep_kind kind)
{
    struct seep_series *series = &analysis->series;
    bool any = false;

    seep_series_sum_begin(series);
    for (uint32_t site = 0; site < analysis->recording->site_count; site++) {
        const struct seep_rec_site *from = &analysis->recording->sites[site];

        if (from->kind == kind && from->points.count > 0 &&
            (subsystem == ANY_SUBSYSTEM || from->subsystem == subsystem)) {
            seep_series_sum_add(series, analysis->recording, site);
            any = true;
        }
    }
    seep_series_sum_end(series);
    return any && series->n > 0;
}

static uint64_t highest(const double *values, size_t n)
{
    double high = 0;

    for (size_t i = 0; i < n; i++) {
        high = values[i] > high ? values[i] : high;
    }
    return seep_whole(high);
}

static void fill_held(struct seep_analysis *analysis)
{
    const struct seep_series *series = &analysis->series;

    for (size_t i = 0; i < KIND_COUNT; i++) {
        struct seep_view_held *held = &analysis->findings->held[kinds[i]];

        if (sum(analysis, ANY_SUBSYSTEM, kinds[i])) {
            held->live = seep_whole(series->live[series->n - 1]);
            held->live_bytes = seep_whole(series->live_bytes[series->n - 1]);
            held->peak = highest(series->live, series->n);
            held->peak_bytes = highest(series->live_bytes, series->n);
        }
    }
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

int seep_holding_view_fill(struct seep_analysis *analysis)
{
    const struct seep_rec_descriptors *table = &analysis->recording->descriptors;
    struct seep_view_descriptors *view = &analysis->findings->descriptors;

    fill_held(analysis);
    if (table->t_ns == 0) {
        return 0;
    }
    *view = (struct seep_view_descriptors){
        .known = true,
        .at_s = (double)table->t_ns / 1e9,
        .open = table->open,
        .recorded = table->recorded,
        .inherited = table->inherited,
        .unrecorded = less(less(table->open, table->recorded), table->inherited),
        .gone = table->gone,
    };
    return seep_target_groups_past(analysis->findings, analysis->recording, &view->past);
}

bool seep_holding_view_subsystem(struct seep_analysis *analysis, uint32_t subsystem,
                                 bool judged, struct seep_view_subsystem *out)
{
    const struct seep_series *series = &analysis->series;
    bool any = false;

    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (sum(analysis, subsystem, kinds[i])) {
            any = true;
            out->held_live[kinds[i]] = seep_whole(series->live[series->n - 1]);
            out->held_growth_per_s[kinds[i]] =
                judged ? seep_growth_slope(&analysis->window, series->t_s, series->live)
                             .u_per_s
                       : 0;
        }
    }
    return any;
}
