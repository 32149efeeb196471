/* The walk over all sites: cheap statistics for each, then one false discovery rate per
 * kind.
 *
 * Kinds are families of their own: a program has a handful of thread sites and thousands
 * of heap sites, and three leaked threads must not have to stand up against the noise of
 * all allocations. Only p-values up to 0.05 are kept for the q-values; larger ones cannot
 * bring any q below 0.05.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/growth_scan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "series/thin.h"
#include "trend/fdr.h"
#include "trend/slope_error.h"
#include "verdict/declared_limit.h"
#include "verdict/sampling_error.h"

static const double P_KEPT = 0.05;

const char *seep_growth_too_little(const struct seep_recording *recording,
                                   const struct seep_window *window)
{
    if (recording->snapshot_count < SEEP_SNAPSHOTS_NEEDED) {
        return "fewer than 20 snapshots";
    }
    if (seep_window_points(window) < SEEP_GROWTH_POINTS_MIN) {
        return "fewer than 12 snapshots after warm-up";
    }
    if (seep_window_seconds(recording, window) < SEEP_WINDOW_SECONDS_NEEDED) {
        return "less than 10 s after warm-up";
    }
    return NULL;
}

static int append(struct seep_growth_sites *list, size_t *capacity,
                  const struct seep_growth_site *site)
{
    if (list->count == *capacity) {
        size_t grown = *capacity * 2 + 16;
        struct seep_growth_site *larger = realloc(list->sites, grown * sizeof(*larger));

        if (larger == NULL) {
            return -ENOMEM;
        }
        list->sites = larger;
        *capacity = grown;
    }
    list->sites[list->count++] = *site;
    return 0;
}

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
 * too little, and has too few points, or too little more than it had, for a staircase. A
 * large recording is mostly such sites; the rest costs a series each. */
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

static int measure_growth(const struct seep_series *series,
                          const struct seep_window *window,
                          struct seep_growth_case *evidence)
{
    size_t n = window->end - window->first;
    size_t warm = window->warm - window->first;
    int status =
        seep_growth_measure(series->live + window->first, n, warm,
                            seep_growth_least_count(evidence->kind), &evidence->count);

    return status < 0 ? status
                      : seep_growth_measure(series->live_bytes + window->first, n, warm,
                                            seep_growth_least_bytes(evidence->kind),
                                            &evidence->bytes);
}

/* Everything about one site but its q-value. Returns whether it was active enough to be
 * tested. */
static bool measure(const struct seep_recording *recording,
                    const struct seep_window *window, struct seep_series *series,
                    struct seep_growth_site *out)
{
    const struct seep_rec_site *site = &recording->sites[out->site];

    if (site->points.count == 0 || site->points.last_snapshot <= window->warm) {
        return false; /* nothing happened in the window */
    }
    const struct seep_points_pair pair =
        seep_points_at_both(&site->points, window->warm, window->end - 1);
    const struct ends ends = {.warm = pair.first, .last = pair.last};
    struct seep_growth_case *evidence = &out->evidence;

    if (is_hopeless(&site->points, (enum seep_kind)site->kind, &ends)) {
        return false;
    }
    seep_series_read(series, recording, out->site);
    evidence->kind = (enum seep_kind)site->kind;
    evidence->window_s = seep_window_seconds(recording, window);
    evidence->acquired = (double)(ends.last.acquired - ends.warm.acquired);
    evidence->released = (double)(ends.last.released - ends.warm.released);
    evidence->noise = measure_noise(recording, window, series, out->site, &ends);
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
    if (measure_growth(series, window, evidence) < 0) {
        return false;
    }
    evidence->inflow_ratio = inflow_ratio(&site->points, window, &ends);
    evidence->to_limit_s = to_limit_s(recording, window, evidence);
    return true;
}

/* Threads stand in the live table and in the thread table; a joined one may be missing
 * from the newer of the two, so the one that knows more generations speaks. */
static struct seep_ages ages_of(const struct seep_recording *recording,
                                const struct seep_window *window,
                                const struct seep_rec_ages *scan,
                                const struct seep_growth_site *site)
{
    struct seep_ages live = seep_ages_of_site(recording, window, scan, site->site);

    if (site->evidence.kind == SEEP_KIND_THREAD) {
        struct seep_ages table = seep_ages_of_threads(recording, window, site->site);

        if (table.known && table.window_generations >= live.window_generations) {
            return table;
        }
    }
    return live;
}

/* Fills in the q-values and keeps what is not stable. */
static int judge(const struct seep_recording *recording, const struct seep_window *window,
                 struct seep_growth_sites *list)
{
    size_t n = list->count;
    const struct seep_rec_ages *scan = seep_ages_scan(recording, window);
    double *p = calloc(n > 0 ? n : 1, 2 * sizeof(*p));
    size_t *scratch = calloc(n > 0 ? n : 1, sizeof(*scratch));
    size_t kept = 0;

    if (p == NULL || scratch == NULL) {
        free(p);
        free(scratch);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = seep_growth_p(&list->sites[i].evidence);
    }
    (void)seep_fdr_q_values(p, n, list->tested, scratch, p + n); /* tested >= n */
    for (size_t i = 0; i < n; i++) {
        struct seep_growth_site site = list->sites[i];

        site.evidence.q_value = p[n + i];
        if (site.group == NULL) {
            site.evidence.ages = ages_of(recording, window, scan, &site);
        }
        site.verdict = seep_growth_verdict(&site.evidence);
        if (site.group == NULL) {
            site.verdict = seep_declared_limit_verdict(
                recording, site.site, site.breaks_limit, &site.evidence, site.verdict);
        }
        if (site.verdict != SEEP_VERDICT_NONE || site.group != NULL) {
            list->sites[kept++] = site;
        }
    }
    list->count = kept;
    free(p);
    free(scratch);
    return 0;
}

void seep_growth_sites_fini(struct seep_growth_sites *sites)
{
    for (size_t i = 0; sites->groups != NULL && i < sites->tree.branch_count; i++) {
        free(sites->groups[i].members);
    }
    seep_caller_tree_fini(&sites->tree);
    free(sites->groups);
    free(sites->sites);
    *sites = (struct seep_growth_sites){0};
}

/* Appends the groups, each a test more. */
static int measure_groups(const struct seep_recording *recording,
                          const struct seep_window *window, enum seep_kind kind,
                          struct seep_series *series, struct seep_growth_sites *list,
                          size_t *capacity)
{
    int status = seep_caller_tree_init(recording, window, kind, SEEP_GROWTH_HEAP_RISE_MIN,
                                       &list->tree);

    if (status < 0 || list->tree.branch_count == 0) {
        return status;
    }
    list->groups = calloc(list->tree.branch_count, sizeof(*list->groups));
    if (list->groups == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < list->tree.branch_count && status == 0; i++) {
        const struct seep_caller_branch *branch = &list->tree.branches[i];
        struct seep_growth_site site = {.group = &list->groups[i]};

        list->groups[i] =
            (struct seep_caller_group){.node = branch->node,
                                       .sites = list->tree.order + branch->first,
                                       .count = branch->count,
                                       .mostly_rises = branch->mostly_rises};
        site.site = list->groups[i].sites[0];
        if (!seep_caller_group_measure(recording, window, site.group, series,
                                       &site.evidence)) {
            continue;
        }
        list->tested++;
        status = append(list, capacity, &site);
    }
    return status;
}

int seep_growth_scan(const struct seep_recording *recording,
                     const struct seep_window *window, enum seep_kind kind,
                     struct seep_series *series, struct seep_growth_sites *out)
{
    struct seep_growth_sites list = {0};
    size_t capacity = 0;
    int status = 0;

    if (seep_growth_too_little(recording, window) != NULL) {
        *out = list;
        return 0;
    }
    for (uint32_t id = 0; id < recording->site_count && status == 0; id++) {
        struct seep_growth_site site = {.site = id, .evidence = {.kind = kind}};

        if (recording->sites[id].kind != kind) {
            continue;
        }
        site.breaks_limit = seep_declared_limit_is_broken(recording, window, series, id);
        if (!measure(recording, window, series, &site) && !site.breaks_limit) {
            continue;
        }
        list.tested++;
        if (site.breaks_limit || seep_growth_p(&site.evidence) <= P_KEPT ||
            seep_growth_is_staircase(&site.evidence)) {
            status = append(&list, &capacity, &site);
        }
    }
    if (status == 0 && seep_caller_groups_wanted(kind)) {
        status = measure_groups(recording, window, kind, series, &list, &capacity);
    }
    if (status == 0) {
        status = judge(recording, window, &list);
    }
    if (status < 0) {
        seep_growth_sites_fini(&list);
        return status;
    }
    *out = list;
    return 0;
}

struct seep_slope seep_growth_slope(const struct seep_window *window, const double *t_s,
                                    const double *values)
{
    double t[SEEP_SLOPE_POINTS_MAX];
    double y[SEEP_SLOPE_POINTS_MAX];
    struct seep_slope slope = {0};
    size_t n = seep_thin(t_s + window->warm, seep_window_points(window),
                         SEEP_SLOPE_POINTS_MAX, t);
    double *scratch = NULL;

    (void)seep_thin(values + window->warm, seep_window_points(window),
                    SEEP_SLOPE_POINTS_MAX, y);
    if (n >= 2) {
        scratch = calloc(seep_theil_sen_scratch(n), sizeof(*scratch));
    }
    if (scratch != NULL && seep_theil_sen(t, y, n, scratch, &slope) == 0) {
        (void)seep_slope_error(t, y, n, &slope); /* as Kendall's where points are few */
    }
    free(scratch);
    return slope;
}
