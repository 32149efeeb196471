/* What the curve of one site says, before all are held against each other.
 *
 * A large recording is mostly sites that cannot grow: those are told by their counters at
 * two snapshots. The rest costs a series each.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/growth_evidence.h"

#include <math.h>

#include "verdict/sampling_error.h"

/* At the pace of this site alone, from what was open at the window's end. */
static double to_limit_s(const struct seep_recording *recording,
                         const struct seep_window *window,
                         const struct seep_growth_case *evidence)
{
    double limit = (double)recording->program.limit_nofile;
    double open = 0;
    double pace = evidence->window_s > 0 ? evidence->count.rise / evidence->window_s : 0;

    for (size_t i = window->end; i > window->warm && open <= 0; i--) {
        open = (double)recording->snapshots[i - 1].fds; /* 0: it was gone already */
    }
    if (evidence->kind != SEEP_KIND_FD || pace <= 0 || open <= 0 || limit <= 0) {
        return 0;
    }
    return limit > open ? (limit - open) / pace : 1e-3;
}

/* A site's counters at both ends of the window. */
struct ends {
    struct seep_counters warm, last;
};

/* What did not change in the window carries the same samples at both of its ends: the
 * error of a rise is that of what came and went, or of the two ends by themselves. */
static double noise_of(double spread, double changed, double at_ends)
{
    return seep_sampling_error(spread * fmin(changed, at_ends), spread);
}

static struct seep_growth_noise measure_noise(const struct seep_recording *recording,
                                              const struct seep_window *window,
                                              const struct seep_series *series,
                                              uint32_t site, const struct ends *ends)
{
    const struct seep_counters *from = &ends->warm;
    const struct seep_counters *to = &ends->last;
    struct seep_sampling_spread spread = seep_sampling_spread_of(recording, site);

    return (struct seep_growth_noise){
        .count = noise_of(spread.live,
                          (double)(to->acquired - from->acquired) +
                              (double)(to->released - from->released),
                          series->live[window->warm] + series->live[window->end - 1]),
        .bytes = noise_of(spread.bytes,
                          (double)(to->acquired_bytes - from->acquired_bytes) +
                              (double)(to->released_bytes - from->released_bytes),
                          series->live_bytes[window->warm] +
                              series->live_bytes[window->end - 1]),
        .count_spread = spread.live,
        .bytes_spread = spread.bytes};
}

/* Whether a glance at its counters shows that the site cannot be testable: it acquired
 * too little, and has too few points, or too little more than it had, for a staircase. */
static bool is_hopeless(const struct seep_points *points, enum seep_kind kind,
                        const struct ends *ends)
{
    double acquired = (double)(ends->last.acquired - ends->warm.acquired);
    double rise_bytes =
        fmax((double)ends->last.acquired_bytes - (double)ends->last.released_bytes, 0) -
        fmax((double)ends->warm.acquired_bytes - (double)ends->warm.released_bytes, 0);

    return !seep_growth_testable(kind, acquired) &&
           (points->count < SEEP_GROWTH_STAIRS_MIN ||
            rise_bytes < SEEP_GROWTH_BYTES_RISE_MIN);
}

/* How much more was acquired in the second half of the window than in its first. */
static double inflow_ratio(const struct seep_points *points,
                           const struct seep_window *window, const struct ends *ends)
{
    size_t half = window->warm + (window->end - 1 - window->warm) / 2;
    double middle = (double)seep_points_at(points, half).acquired;
    double first = middle - (double)ends->warm.acquired;

    return first > 0 ? ((double)ends->last.acquired - middle) / first : 0;
}

int seep_growth_evidence_of_series(const struct seep_series *series,
                                   const struct seep_window *window,
                                   struct seep_growth_case *evidence)
{
    return seep_growth_case_measure(
        evidence, series->live + window->first, series->live_bytes + window->first,
        window->end - window->first, window->warm - window->first);
}

bool seep_growth_evidence_of_site(const struct seep_recording *recording,
                                  const struct seep_window *window,
                                  struct seep_series *series, uint32_t id,
                                  struct seep_growth_case *evidence)
{
    const struct seep_rec_site *site = &recording->sites[id];

    if (site->points.count == 0 || site->points.last_snapshot <= window->warm) {
        return false; /* nothing happened in the window */
    }
    const struct seep_points_pair pair =
        seep_points_at_both(&site->points, window->warm, window->end - 1);
    const struct ends ends = {.warm = pair.first, .last = pair.last};

    if (is_hopeless(&site->points, (enum seep_kind)site->kind, &ends)) {
        return false;
    }
    seep_series_read(series, recording, id);
    evidence->kind = (enum seep_kind)site->kind;
    evidence->window_s = seep_window_seconds(recording, window);
    evidence->acquired = (double)(ends.last.acquired - ends.warm.acquired);
    evidence->released = (double)(ends.last.released - ends.warm.released);
    evidence->noise = measure_noise(recording, window, series, id, &ends);
    if ((evidence->kind == SEEP_KIND_HEAP || evidence->kind == SEEP_KIND_MAPPING) &&
        window->end > window->warm) {
        evidence->stairs = seep_staircase_measure(
            series->t_s + window->first, series->live_bytes + window->first,
            window->end - window->first, window->warm - window->first);
    }
    if (!seep_growth_testable(evidence->kind, evidence->acquired) &&
        !seep_growth_is_staircase(evidence)) {
        return false;
    }
    if (seep_growth_evidence_of_series(series, window, evidence) < 0) {
        return false;
    }
    evidence->inflow_ratio = inflow_ratio(&site->points, window, &ends);
    evidence->to_limit_s = to_limit_s(recording, window, evidence);
    return true;
}
