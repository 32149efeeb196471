/* Descriptors that came past the wrappers: raw system calls, io_uring, a library's
 * internal opens. The kernel counts them at every snapshot; what the shim recorded is
 * taken off, and what is left is judged like a site of which only the count is known.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/past_verdict.h"

#include "base/fmt.h"
#include "base/whole.h"
#include "verdict/growth_finding.h"
#include "verdict/growth_scan.h"
#include "verdict/summary_text.h"
#include "verdict/target_groups.h"

/* What was open and not recorded, at each snapshot, into series->live. A process that is
 * gone had what it had before. Returns: whether descriptors were recorded at all. */
static bool fill_series(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    struct seep_series *series = &analysis->series;
    double past = 0;

    seep_series_sum_begin(series);
    for (uint32_t site = 0; site < recording->site_count; site++) {
        if (recording->sites[site].kind == SEEP_KIND_FD) {
            seep_series_sum_add(series, recording, site);
        }
    }
    seep_series_sum_end(series);
    for (size_t i = 0; i < series->n; i++) {
        double open = (double)recording->snapshots[i].fds;

        if (open > 0) {
            past = open > series->live[i] ? open - series->live[i] : 0;
        }
        series->live[i] = past;
    }
    return recording->descriptors.t_ns != 0;
}

static bool is_growing(struct seep_analysis *analysis, struct seep_growth_case *evidence)
{
    const struct seep_window *window = &analysis->window;

    *evidence = (struct seep_growth_case){.kind = SEEP_KIND_FD};
    if (!fill_series(analysis) ||
        seep_growth_measure(analysis->series.live + window->first,
                            window->end - window->first, window->warm - window->first,
                            seep_growth_least_count(SEEP_KIND_FD),
                            &evidence->count) < 0) {
        return false;
    }
    evidence->bytes = evidence->count;
    evidence->window_s = seep_window_seconds(analysis->recording, window);
    /* Nothing is known of releases: as many are taken to be released as acquired. */
    evidence->acquired = evidence->released = evidence->count.rise;
    evidence->q_value = seep_growth_p(evidence);
    return seep_growth_verdict(evidence) > SEEP_VERDICT_BOUNDED;
}

static const char *summary(struct seep_findings *findings,
                           const struct seep_finding *finding)
{
    const struct seep_view_targets *targets = &finding->targets;
    const struct seep_summary_period *period =
        seep_summary_period(finding->evidence.growth_per_s, 0);
    char rate[SEEP_FMT_MAX];
    char live[SEEP_FMT_MAX];

    return seep_findings_printf(
        findings,
        "Open %s that no wrapper saw grow by %s per %s: %s open%s%s; opened by a raw "
        "system call, io_uring or inside a library.",
        targets->noun,
        seep_summary_number(rate, sizeof(rate),
                            finding->evidence.growth_per_s * period->seconds),
        period->name, seep_fmt_count(live, sizeof(live), finding->evidence.live),
        targets->group_count > 0 ? ", mostly " : "",
        targets->group_count > 0 ? targets->groups[0].what : "");
}

static int fill(struct seep_analysis *analysis, const struct seep_growth_case *evidence)
{
    struct seep_finding *finding = NULL;
    int status =
        seep_finding_add(analysis, 0, SEEP_CAUSE_GROWTH, SEEP_VERDICT_SUSPECT, &finding);

    if (status < 0) {
        return status;
    }
    (void)fill_series(analysis); /* seep_finding_add has read site 0 into it */

    const struct seep_series *series = &analysis->series;
    struct seep_slope slope =
        seep_growth_slope(&analysis->window, series->t_s, series->live);

    finding->kind = SEEP_KIND_FD;
    finding->headline = "past the wrappers";
    finding->series_count = 0; /* of site 0 */
    finding->evidence = (struct seep_view_evidence){
        .live = seep_whole(series->live[analysis->window.end - 1]),
        .measured = true,
        .growth_per_s = slope.u_per_s,
        .growth_per_s_ci = {slope.low_u_per_s, slope.high_u_per_s},
        .q_value = evidence->q_value,
        .end_share = evidence->count.end_share,
        .judged_s = evidence->window_s,
    };
    finding->stack_end = "";
    finding->forecast = seep_growth_forecast(analysis->recording, SEEP_KIND_FD, slope,
                                             (struct seep_slope){0});
    status = seep_target_groups_past(analysis->findings, analysis->recording,
                                     &finding->targets);
    if (status == 0) {
        finding->summary = summary(analysis->findings, finding);
    }
    return status;
}

int seep_past_findings_add(struct seep_analysis *analysis)
{
    struct seep_growth_case evidence;

    if (seep_growth_too_little(analysis->recording, &analysis->window) != NULL ||
        !is_growing(analysis, &evidence)) {
        return 0;
    }
    return fill(analysis, &evidence);
}
