/* From a recording to findings: the order of the steps, and the verdict on the run.
 *
 * Growth comes first; the thread table may turn a growth finding into one on unjoined
 * threads; heap that belongs to a thread finding is folded into it; what was left at exit
 * is only said of sites that nothing else was said about.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/verdict.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/caller_settle.h"
#include "verdict/companion.h"
#include "verdict/exit_verdict.h"
#include "verdict/finding_list.h"
#include "verdict/growth_finding.h"
#include "verdict/growth_scan.h"
#include "verdict/namesake.h"
#include "verdict/one_cause.h"
#include "verdict/overview.h"
#include "verdict/past_verdict.h"
#include "verdict/profile_view.h"
#include "verdict/stuck_verdict.h"
#include "verdict/thread_verdict.h"

static const double LEAVING_S = 2; /* of an exiting program, see window.h */
static const double INTERVAL_LEAST_S = 0.1;

static int check(const struct seep_recording *recording,
                 const struct seep_verdict_options *options, struct seep_error *error)
{
    if (options->since_s >= 0 && options->until_s >= 0 &&
        options->since_s >= options->until_s) {
        return seep_error_set(error, -EINVAL, "--since %g is not before --until %g",
                              options->since_s, options->until_s);
    }
    if (options->subsystem == NULL) {
        return 0;
    }
    for (size_t i = 0; i < recording->subsystem_count; i++) {
        if (strcmp(recording->subsystems[i], options->subsystem) == 0) {
            return 0;
        }
    }
    return seep_error_set(error, -EINVAL, "the recording has no subsystem \"%s\"",
                          options->subsystem);
}

static int add_growth(struct seep_analysis *analysis)
{
    static const enum seep_kind kinds[] = {SEEP_KIND_THREAD, SEEP_KIND_FD,
                                           SEEP_KIND_TIMER, SEEP_KIND_MAPPING,
                                           SEEP_KIND_HEAP};
    int status = 0;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && status == 0; i++) {
        struct seep_growth_sites sites = {0};

        seep_progress_tell(analysis->progress, "looking for growth in", i,
                           sizeof(kinds) / sizeof(kinds[0]));
        status = seep_growth_scan(analysis->recording, &analysis->window, kinds[i],
                                  &analysis->series, &sites);
        if (status == 0) {
            status = seep_caller_groups_settle(analysis, &sites);
        }
        if (status == 0) {
            status = seep_growth_findings_add(analysis, &sites);
        }
        seep_growth_sites_fini(&sites);
    }
    return status;
}

/* What would make the run long enough: of the snapshots 20 in all and 12 after warm-up,
 * which lasts a third of it, and 10 s after warm-up; an exit costs 2 s more. */
static const char *advice(struct seep_analysis *analysis,
                          const struct seep_verdict_options *options)
{
    struct seep_findings *findings = analysis->findings;
    double interval_s = findings->interval_s;
    double needed_s = fmax(SEEP_SNAPSHOTS_NEEDED * interval_s,
                           LEAVING_S + 1.5 * fmax(SEEP_WINDOW_SECONDS_NEEDED,
                                                  SEEP_GROWTH_POINTS_MIN * interval_s));
    double fitting_s =
        floor(fmin(findings->duration_s / SEEP_SNAPSHOTS_NEEDED,
                   (findings->duration_s - LEAVING_S) / 1.5 / SEEP_GROWTH_POINTS_MIN) *
              10) /
        10;

    if (options->since_s >= 0 || options->until_s >= 0) {
        return "Widen --since and --until";
    }
    if (findings->duration_s >= LEAVING_S + 1.5 * SEEP_WINDOW_SECONDS_NEEDED &&
        fitting_s >= INTERVAL_LEAST_S && fitting_s < interval_s) {
        return seep_findings_printf(
            findings, "Record it with --interval %.1f, or for %.0f s or longer",
            fitting_s, ceil(needed_s));
    }
    return seep_findings_printf(findings,
                                "Let it run for %.0f s or longer (heap: 90 s make it "
                                "sure)",
                                ceil(needed_s));
}

static void conclude(struct seep_analysis *analysis,
                     const struct seep_verdict_options *options)
{
    struct seep_findings *findings = analysis->findings;
    const char *too_little =
        seep_growth_too_little(analysis->recording, &analysis->window);

    if (too_little != NULL) {
        findings->inconclusive = seep_findings_printf(
            findings, "%s: %zu snapshots in %.1f s, %zu of them after warm-up (%.1f s)",
            too_little, analysis->recording->snapshot_count, findings->duration_s,
            seep_window_points(&analysis->window),
            seep_window_seconds(analysis->recording, &analysis->window));
        findings->advice = advice(analysis, options);
    }
    switch (seep_findings_worst(findings)) {
    case SEEP_VERDICT_DEFINITE:
    case SEEP_VERDICT_PROBABLE:
        findings->outcome = SEEP_OUTCOME_LEAK;
        break;
    case SEEP_VERDICT_SUSPECT:
        findings->outcome = SEEP_OUTCOME_SUSPECT;
        break;
    default:
        findings->outcome =
            too_little != NULL ? SEEP_OUTCOME_INCONCLUSIVE : SEEP_OUTCOME_CLEAN;
    }
}

static int run(struct seep_analysis *analysis, const struct seep_verdict_options *options)
{
    int status =
        seep_units_init(analysis->recording, &analysis->window, &analysis->units);

    if (status == 0) {
        status = add_growth(analysis);
    }
    if (status == 0) {
        status = seep_past_findings_add(analysis);
    }
    if (status == 0) {
        status = seep_stuck_findings_add(analysis);
    }
    if (status == 0) {
        status = seep_thread_findings_add(analysis);
    }
    if (status == 0) {
        seep_companions_drop(analysis);
        status = seep_exit_findings_add(analysis);
    }
    if (status == 0) {
        seep_companions_count(analysis);
        status = seep_namesakes_tell(analysis);
    }
    if (status == 0) {
        status = seep_overview_fill(analysis);
    }
    if (status == 0) {
        status = seep_thread_views_fill(analysis);
    }
    if (status == 0) {
        status = seep_finding_list_finish(analysis, options->kind, options->subsystem);
    }
    if (status == 0 && options->profile) {
        status = seep_profile_view_fill(analysis, options->kind, options->subsystem);
    }
    if (status == 0) {
        status = seep_suppressions_apply(options->suppressions, analysis->findings);
    }
    if (status == 0) {
        status = seep_one_cause_tell(analysis);
    }
    if (status == 0) {
        conclude(analysis, options);
    }
    return status;
}

int seep_verdict_make(const struct seep_recording *recording,
                      struct seep_symbolizer *symbolizer,
                      const struct seep_verdict_options *options,
                      struct seep_findings **findings, struct seep_error *error)
{
    struct seep_analysis analysis = {.recording = recording,
                                     .symbolizer = symbolizer,
                                     .progress = options->progress,
                                     .still_written = options->still_written,
                                     .no_threads_left = options->no_threads_left,
                                     .suppressions = options->suppressions};
    const struct seep_window_options window = {.since_s = options->since_s,
                                               .until_s = options->until_s};
    int status = check(recording, options, error);

    if (status < 0) {
        return status;
    }
    analysis.window = seep_window_choose(recording, &window);
    status = seep_series_new(recording, &analysis.series);
    if (status < 0) {
        goto fail_series;
    }
    status = seep_findings_new(&analysis.findings);
    if (status < 0) {
        goto fail_findings;
    }
    analysis.findings->started_realtime_ns = recording->program.started_realtime_ns;
    status = run(&analysis, options);
    if (status == 0) {
        *findings = analysis.findings;
        analysis.findings = NULL;
    }
    seep_findings_free(analysis.findings);
    seep_units_fini(&analysis.units);
    free(analysis.told);
    free(analysis.drafts);
fail_findings:
    seep_series_free(&analysis.series);
fail_series:
    return status < 0 ? seep_error_set(error, status, "out of memory while judging") : 0;
}
