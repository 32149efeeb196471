/* Growth, stated: how fast, how sure, until when.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/growth_finding.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "trend/forecast.h"
#include "verdict/blocked_group.h"
#include "verdict/declared_limit.h"
#include "verdict/group_finding.h"
#include "verdict/pattern.h"
#include "verdict/summary_text.h"
#include "verdict/target_groups.h"
#include "verdict/thread_verdict.h"

enum { LEVEL_SNAPSHOTS = 20, LEVEL_PART = 8 };

/* One snapshot past the last that was taken while the process still had memory. */
static size_t end_of_life(const struct seep_recording *recording)
{
    size_t end = recording->snapshot_count;

    while (end > 0 && recording->snapshots[end - 1].vsize_bytes == 0) {
        end--;
    }
    return end;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Where a quantity of the process stands at its end: the median of the last snapshots,
 * each carried forward by the slope. One spike at the end is no forecast. */
static double level_now(const struct seep_recording *recording,
                        double (*quantity)(const struct seep_rec_snapshot *snapshot),
                        struct seep_slope slope)
{
    double values[LEVEL_SNAPSHOTS];
    size_t end = end_of_life(recording);
    size_t used = end / LEVEL_PART < LEVEL_SNAPSHOTS ? end / LEVEL_PART : LEVEL_SNAPSHOTS;

    used = used > 0 ? used : 1;
    for (size_t i = 0; i < used; i++) {
        const struct seep_rec_snapshot *snapshot = &recording->snapshots[end - 1 - i];
        double ago_s =
            (double)(recording->snapshots[end - 1].t_ns - snapshot->t_ns) / 1e9;

        values[i] = quantity(snapshot) + slope.u_per_s * ago_s;
    }
    qsort(values, used, sizeof(*values), by_value);
    return (values[(used - 1) / 2] + values[used / 2]) / 2;
}

static double vsize_of(const struct seep_rec_snapshot *snapshot)
{
    return (double)snapshot->vsize_bytes;
}

static double rss_of(const struct seep_rec_snapshot *snapshot)
{
    return (double)snapshot->rss_bytes;
}

static double threads_of(const struct seep_rec_snapshot *snapshot)
{
    return (double)snapshot->threads;
}

static double fds_of(const struct seep_rec_snapshot *snapshot)
{
    return (double)snapshot->fds;
}

static void sooner(struct seep_view_forecast *best, const char *limit, double now,
                   uint64_t value, struct seep_slope slope)
{
    struct seep_forecast_time time;
    double at = (double)value;

    if (value == 0 || now >= at || seep_forecast(now, at, slope, &time) < 0) {
        return;
    }
    if (best->limit == NULL || time.s < best->time_to_limit_s) {
        *best = (struct seep_view_forecast){.limit = limit,
                                            .limit_value = at,
                                            .time_to_limit_s = time.s,
                                            .ci_s = {time.low_s, time.high_s}};
    }
}

struct seep_view_forecast seep_growth_forecast(const struct seep_recording *recording,
                                               enum seep_kind kind,
                                               struct seep_slope count,
                                               struct seep_slope bytes)
{
    const struct seep_rec_program *program = &recording->program;
    struct seep_view_forecast best = {0};

    if (end_of_life(recording) == 0) {
        return best;
    }
    sooner(&best, "address_space", level_now(recording, vsize_of, bytes),
           program->limit_as_bytes, bytes);
    if (kind == SEEP_KIND_HEAP || kind == SEEP_KIND_MAPPING) {
        sooner(&best, "rss", level_now(recording, rss_of, bytes),
               program->cgroup_memory_max_bytes, bytes);
    } else if (kind == SEEP_KIND_THREAD) {
        sooner(&best, "threads", level_now(recording, threads_of, count),
               program->limit_nproc, count);
    } else if (kind == SEEP_KIND_FD) {
        sooner(&best, "nofile", level_now(recording, fds_of, count),
               program->limit_nofile, count);
    }
    return best;
}

/* Slopes of the series that analysis->series holds, and what was measured before. */
static void fill_growth(struct seep_analysis *analysis,
                        const struct seep_growth_site *site, struct seep_finding *finding)
{
    const struct seep_series *series = &analysis->series;
    struct seep_slope count =
        seep_growth_slope(&analysis->window, series->t_s, series->live);
    struct seep_slope bytes =
        seep_growth_slope(&analysis->window, series->t_s, series->live_bytes);
    struct seep_view_evidence *evidence = &finding->evidence;

    evidence->measured = true;
    evidence->growth_per_s = count.u_per_s;
    evidence->growth_per_s_ci =
        (struct seep_view_range){count.low_u_per_s, count.high_u_per_s};
    evidence->growth_bytes_per_s = bytes.u_per_s;
    evidence->growth_bytes_per_s_ci =
        (struct seep_view_range){bytes.low_u_per_s, bytes.high_u_per_s};
    evidence->q_value = site->evidence.q_value;
    if (site->verdict == SEEP_VERDICT_SUSPECT &&
        seep_growth_is_staircase(&site->evidence)) {
        evidence->q_value = NAN; /* found by its shape */
        evidence->grew = site->evidence.stairs.ups;
    }
    evidence->end_share = site->evidence.count.rise > 0 ? site->evidence.count.end_share
                                                        : site->evidence.bytes.end_share;
    if (site->verdict > SEEP_VERDICT_BOUNDED) {
        finding->forecast =
            seep_growth_forecast(analysis->recording, finding->kind, count, bytes);
    }
}

/* Threads that pile up at one place: at which, and for what. */
static void say_where_blocked(struct seep_analysis *analysis, uint32_t site,
                              struct seep_finding *finding)
{
    const char *words = seep_blocked_group_words(analysis, site);

    if (words[0] != '\0') {
        finding->summary =
            seep_findings_printf(analysis->findings, "%s %s.", finding->summary, words);
    }
}

static int fill(struct seep_analysis *analysis, const struct seep_growth_site *site)
{
    struct seep_finding *finding = NULL;
    int status = seep_finding_add(analysis, site->site, SEEP_CAUSE_GROWTH, site->verdict,
                                  &finding);

    if (status < 0) {
        return status;
    }
    finding->limit =
        seep_declared_limit_view(analysis->recording, site->site, site->breaks_limit);
    if (finding->limit.container != NULL) {
        finding->limit.container =
            seep_findings_text(analysis->findings, finding->limit.container);
    }
    fill_growth(analysis, site, finding);
    if (finding->kind == SEEP_KIND_THREAD) {
        status = seep_thread_samples_fill(analysis, site->site, finding);
    }
    if (finding->kind == SEEP_KIND_FD && status == 0) {
        status = seep_target_groups_of_site(analysis->findings, analysis->recording,
                                            site->site, &finding->targets);
    }
    if (site->verdict > SEEP_VERDICT_BOUNDED && status == 0) {
        status = seep_pattern_fill_site(analysis, finding);
    }
    finding->summary = seep_summary_growth(analysis->findings, finding);
    if (finding->kind == SEEP_KIND_THREAD && site->verdict > SEEP_VERDICT_BOUNDED) {
        say_where_blocked(analysis, site->site, finding);
    }
    return status;
}

static int fill_group(struct seep_analysis *analysis, const struct seep_growth_site *site)
{
    struct seep_finding *finding = NULL;
    size_t n = analysis->series.n;
    double *counts = calloc(n + 1, 2 * sizeof(*counts));
    const struct seep_pattern_series series = {.live = analysis->series.live,
                                               .live_bytes = analysis->series.live_bytes,
                                               .acquired = counts,
                                               .released = counts + n};
    int status = counts != NULL ? seep_group_finding_add(analysis, site, counts,
                                                         counts + n, &finding)
                                : -ENOMEM;

    if (status == 0) {
        fill_growth(analysis, site, finding);
        status = seep_pattern_fill(analysis, &series, finding);
        finding->summary = seep_summary_growth(analysis->findings, finding);
    }
    free(counts);
    return status;
}

static int by_rise(const void *a, const void *b)
{
    const struct seep_growth_site *x = a;
    const struct seep_growth_site *y = b;

    if (x->evidence.bytes.rise != y->evidence.bytes.rise) {
        return x->evidence.bytes.rise < y->evidence.bytes.rise ? 1 : -1;
    }
    return (x->site > y->site) - (x->site < y->site);
}

int seep_growth_findings_add(struct seep_analysis *analysis,
                             const struct seep_growth_sites *sites)
{
    size_t bounded = 0;
    int status = 0;

    if (sites->count > 0) {
        qsort(sites->sites, sites->count, sizeof(*sites->sites), by_rise);
    }
    for (size_t i = 0; i < sites->count && status == 0; i++) {
        seep_progress_tell(analysis->progress, "measuring growth in", i, sites->count);
        bounded += sites->sites[i].verdict == SEEP_VERDICT_BOUNDED;
        if (sites->sites[i].verdict > SEEP_VERDICT_BOUNDED ||
            bounded <= SEEP_BOUNDED_FINDINGS_MAX) {
            status = sites->sites[i].group != NULL
                         ? fill_group(analysis, &sites->sites[i])
                         : fill(analysis, &sites->sites[i]);
        }
    }
    return status;
}
