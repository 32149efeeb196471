/* The sum of the sites below one call, as evidence.
 *
 * All sites below are summed, also those that shrink: what moves from one site to another
 * is no growth. Ages are those of anything alive below; the errors of samples add up by
 * their squares, since sites are sampled independently.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/caller_group.h"

#include <math.h>

#include "load/site_points.h"
#include "series/ages.h"
#include "verdict/growth_evidence.h"
#include "verdict/sampling_error.h"

/* Adds what sampling may have made of one site's rise, at its worst: all that changed. */
static void add_noise(const struct seep_recording *recording, uint32_t site,
                      double changed, double changed_bytes,
                      struct seep_growth_noise *noise)
{
    struct seep_sampling_spread spread = seep_sampling_spread_of(recording, site);

    noise->count =
        hypot(noise->count, seep_sampling_error(spread.live * changed, spread.live));
    noise->bytes = hypot(noise->bytes,
                         seep_sampling_error(spread.bytes * changed_bytes, spread.bytes));
    noise->count_spread = fmax(noise->count_spread, spread.live);
    noise->bytes_spread = fmax(noise->bytes_spread, spread.bytes);
}

/* Sums over the sites at three moments of the window. */
struct inflow {
    double warm, middle, last; /* acquired so far */
};

static void add_site(const struct seep_recording *recording,
                     const struct seep_window *window, uint32_t id, struct inflow *inflow,
                     struct seep_growth_case *evidence)
{
    const struct seep_points *points = &recording->sites[id].points;
    size_t middle = window->warm + (window->end - 1 - window->warm) / 2;
    const struct seep_points_pair ends =
        seep_points_at_both(points, window->warm, window->end - 1);
    const struct seep_counters from = ends.first;
    const struct seep_counters to = ends.last;
    double acquired = (double)(to.acquired - from.acquired);
    double released = (double)(to.released - from.released);

    if (points->last_snapshot <= window->warm) {
        return; /* nothing happened in the window */
    }
    evidence->acquired += acquired;
    evidence->released += released;
    inflow->warm += (double)from.acquired;
    inflow->middle += (double)seep_points_at(points, middle).acquired;
    inflow->last += (double)to.acquired;
    add_noise(recording, id, acquired + released,
              (double)(to.acquired_bytes - from.acquired_bytes) +
                  (double)(to.released_bytes - from.released_bytes),
              &evidence->noise);
}

bool seep_caller_group_measure(const struct seep_recording *recording,
                               const struct seep_window *window,
                               const struct seep_caller_group *group,
                               struct seep_series *series,
                               struct seep_growth_case *evidence)
{
    struct inflow inflow = {0};

    *evidence = (struct seep_growth_case){
        .kind = (enum seep_kind)recording->sites[group->sites[0]].kind,
        .window_s = seep_window_seconds(recording, window)};
    seep_series_sum_begin(series);
    for (size_t i = 0; i < group->count; i++) {
        add_site(recording, window, group->sites[i], &inflow, evidence);
        seep_series_sum_add(series, recording, group->sites[i]);
    }
    seep_series_sum_end(series);
    evidence->ages = seep_ages_of_sites(
        recording, window, seep_ages_scan(recording, window), group->sites, group->count);
    if (inflow.middle > inflow.warm) {
        evidence->inflow_ratio =
            (inflow.last - inflow.middle) / (inflow.middle - inflow.warm);
    }
    return seep_growth_testable(evidence->kind, evidence->acquired) &&
           seep_growth_evidence_of_series(series, window, evidence) == 0;
}
