/* The run as a whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/overview.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/whole.h"
#include "verdict/growth_scan.h"
#include "verdict/holding_view.h"
#include "verdict/peak_view.h"
#include "verdict/sampling_error.h"
#include "verdict/thread_verdict.h"
#include "verdict/timeline.h"

const char *seep_overview_ending(struct seep_findings *findings, uint32_t kind,
                                 uint32_t status)
{
    const char *abbreviation = NULL;

    switch (kind) {
    case SEEP_ENDING_EXITED:
        return seep_findings_printf(findings, "exited %u", status);
    case SEEP_ENDING_SIGNALLED:
        abbreviation = sigabbrev_np((int)status);
        return abbreviation != NULL
                   ? seep_findings_printf(findings, "signalled %u (SIG%s)", status,
                                          abbreviation)
                   : seep_findings_printf(findings, "signalled %u", status);
    case SEEP_ENDING_RUNNING:
        return "still running";
    case SEEP_ENDING_EXEC:
        return "replaced itself by another program";
    case SEEP_ENDING_LOST:
        return "ended, nobody saw how";
    default:
        return "unknown: the recording stops before the program's end";
    }
}

static const char *ending_word(uint32_t kind)
{
    switch (kind) {
    case SEEP_ENDING_EXITED:
        return "exited";
    case SEEP_ENDING_SIGNALLED:
        return "signalled";
    case SEEP_ENDING_RUNNING:
        return "running";
    case SEEP_ENDING_EXEC:
        return "exec";
    default:
        return "lost";
    }
}

static int fill_program(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    const struct seep_rec_program *program = &recording->program;
    struct seep_findings *findings = analysis->findings;
    uint32_t kind = recording->ended          ? recording->ending_kind
                    : analysis->still_written ? SEEP_ENDING_RUNNING
                                              : SEEP_ENDING_NONE;

    findings->exe = seep_findings_text(findings, program->exe);
    findings->host = seep_findings_text(findings, program->host);
    findings->pid = program->pid;
    findings->started_realtime_ns = program->started_realtime_ns;
    findings->duration_s = (double)recording->ended_ns / 1e9;
    findings->ending_kind = ending_word(kind);
    findings->ending_status = kind == SEEP_ENDING_EXITED ? recording->ending_status : 0;
    findings->ending_signal =
        kind == SEEP_ENDING_SIGNALLED ? recording->ending_status : 0;
    findings->ending = seep_overview_ending(findings, kind, recording->ending_status);
    findings->mode = seep_sampling_is_on(recording) ? "sampled" : "full";
    findings->sample_bytes = recording->sample_bytes;
    findings->interval_s = (double)program->interval_ns / 1e9;
    findings->snapshots = recording->snapshot_count;
    findings->truncated = recording->truncated;
    findings->truncated_at = recording->truncated_at;
    if (seep_window_points(&analysis->window) > 0) {
        findings->judged_from_s = analysis->series.t_s[analysis->window.warm];
        findings->judged_to_s = analysis->series.t_s[analysis->window.end - 1];
    }
    if (program->argc == 0) {
        return 0;
    }
    findings->command =
        seep_findings_alloc(findings, program->argc, sizeof(*findings->command));
    if (findings->command == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < program->argc; i++) {
        findings->command[findings->command_count++] =
            seep_findings_text(findings, program->argv[i]);
    }
    return 0;
}

static void fill_lost(struct seep_analysis *analysis)
{
    static const bool counts_events[SEEP_LOSS_MAX] = {
        [SEEP_LOSS_BEFORE_START] = true, [SEEP_LOSS_SITES_FULL] = true,
        [SEEP_LOSS_THREADS_FULL] = true, [SEEP_LOSS_LIVE_FULL] = true,
        [SEEP_LOSS_NESTED] = true,       [SEEP_LOSS_NO_MEMORY] = true,
    };
    struct seep_findings *findings = analysis->findings;

    for (size_t i = 0; i < SEEP_LOSS_MAX; i++) {
        findings->lost[i] = analysis->recording->lost[i];
        findings->lost_events += counts_events[i] ? findings->lost[i] : 0;
    }
}

/* Events of every kind, and the peak of the summed series. */
static void fill_totals(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    struct seep_findings *findings = analysis->findings;
    struct seep_view_totals *totals = &findings->totals;

    for (size_t i = 0; i < recording->site_count; i++) {
        const struct seep_rec_site *site = &recording->sites[i];

        if (site->kind == SEEP_KIND_NONE || site->kind >= SEEP_KIND_END ||
            site->points.count == 0) {
            continue;
        }
        const struct seep_counters *last = &site->points.last;

        findings->recorded[site->kind] = true;
        findings->events[site->kind].acquired += last->acquired;
        findings->events[site->kind].released += last->released;
    }
    totals->threads_peak = recording->peak_threads;
    for (size_t i = 0; i < recording->snapshot_count; i++) {
        const struct seep_rec_snapshot *snapshot = &recording->snapshots[i];

        totals->fds_live = snapshot->fds > 0 ? snapshot->fds : totals->fds_live;
        totals->fds_peak =
            snapshot->fds > totals->fds_peak ? snapshot->fds : totals->fds_peak;
        totals->threads_peak = snapshot->threads > totals->threads_peak
                                   ? snapshot->threads
                                   : totals->threads_peak;
    }
    for (size_t i = 0; i < recording->thread_count; i++) {
        totals->threads_unjoined +=
            seep_thread_is_unjoined(recording, &recording->threads[i]);
    }
    totals->heap_peak_bytes = recording->peak_live_heap_bytes;
}

/* One subsystem's sums of one kind into analysis->series. Returns whether it has any such
 * site. */
static bool sum(struct seep_analysis *analysis, uint32_t subsystem, enum seep_kind kind)
{
    struct seep_series *series = &analysis->series;
    bool any = false;

    seep_series_sum_begin(series);
    for (uint32_t site = 0; site < analysis->recording->site_count; site++) {
        const struct seep_rec_site *from = &analysis->recording->sites[site];

        if (from->kind == kind && from->subsystem == subsystem &&
            from->points.count > 0) {
            seep_series_sum_add(series, analysis->recording, site);
            any = true;
        }
    }
    seep_series_sum_end(series);
    return any;
}

static uint64_t peak_of(const double *values, size_t n, uint64_t peak)
{
    for (size_t i = 0; i < n; i++) {
        peak = seep_whole(values[i]) > peak ? seep_whole(values[i]) : peak;
    }
    return peak;
}

/* One subsystem. all_bytes, all_threads: sums over all subsystems so far. Returns whether
 * it exists. */
static bool fill_subsystem(struct seep_analysis *analysis, uint32_t id, double *all_bytes,
                           double *all_threads, struct seep_view_subsystem *out)
{
    struct seep_series *series = &analysis->series;
    struct seep_view_totals *totals = &analysis->findings->totals;
    bool judged = seep_growth_too_little(analysis->recording, &analysis->window) == NULL;
    size_t last = series->n > 0 ? series->n - 1 : 0;
    bool heap = sum(analysis, id, SEEP_KIND_HEAP);

    *out = (struct seep_view_subsystem){
        .name =
            seep_findings_text(analysis->findings, analysis->recording->subsystems[id])};
    if (heap && series->n > 0) {
        out->heap_live = seep_whole(series->live[last]);
        out->heap_live_bytes = seep_whole(series->live_bytes[last]);
        out->heap_growth_bytes_per_s =
            judged ? seep_growth_slope(&analysis->window, series->t_s, series->live_bytes)
                         .u_per_s
                   : 0;
        totals->heap_live += out->heap_live;
        totals->heap_live_bytes += out->heap_live_bytes;
        for (size_t i = 0; i < series->n; i++) {
            all_bytes[i] += series->live_bytes[i];
        }
    }
    bool threads = sum(analysis, id, SEEP_KIND_THREAD);

    if (threads && series->n > 0) {
        out->threads_live = seep_whole(series->live[last]);
        out->threads_growth_per_s =
            judged
                ? seep_growth_slope(&analysis->window, series->t_s, series->live).u_per_s
                : 0;
        totals->threads_live += out->threads_live;
        for (size_t i = 0; i < series->n; i++) {
            all_threads[i] += series->live[i];
        }
    }
    bool held = seep_holding_view_subsystem(analysis, id, judged, out);

    return heap || threads || held;
}

static int most_heap_first(const void *a, const void *b)
{
    const struct seep_view_subsystem *x = a;
    const struct seep_view_subsystem *y = b;

    if (x->heap_live_bytes != y->heap_live_bytes) {
        return x->heap_live_bytes < y->heap_live_bytes ? 1 : -1;
    }
    return strcmp(x->name, y->name);
}

static int fill_subsystems(struct seep_analysis *analysis)
{
    struct seep_findings *findings = analysis->findings;
    struct seep_view_totals *totals = &findings->totals;
    size_t n = analysis->recording->subsystem_count;
    double *all = calloc(analysis->series.n + 1, 2 * sizeof(*all));
    double *threads = all != NULL ? all + analysis->series.n + 1 : NULL;

    findings->subsystems =
        seep_findings_alloc(findings, n + 1, sizeof(*findings->subsystems));
    if (all == NULL || findings->subsystems == NULL) {
        free(all);
        return -ENOMEM;
    }
    for (uint32_t id = 0; id < n; id++) {
        seep_progress_tell(analysis->progress, "adding up", id, n);
        findings->subsystem_count += fill_subsystem(
            analysis, id, all, threads, &findings->subsystems[findings->subsystem_count]);
    }
    totals->heap_peak_bytes = peak_of(all, analysis->series.n, totals->heap_peak_bytes);
    totals->threads_peak = peak_of(threads, analysis->series.n, totals->threads_peak);
    qsort(findings->subsystems, findings->subsystem_count, sizeof(*findings->subsystems),
          most_heap_first);

    int status = seep_timeline_fill(analysis, all);

    free(all);
    return status;
}

/* Errors of the heap's totals: sites are sampled independently of each other. */
static void fill_errors(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    struct seep_view_totals *totals = &analysis->findings->totals;
    struct seep_sampling_spread most = {.bytes = (double)recording->sample_bytes};
    double live = 0;
    double bytes = 0;

    if (!seep_sampling_is_on(recording)) {
        return;
    }
    for (uint32_t i = 0; i < recording->site_count; i++) {
        const struct seep_rec_site *site = &recording->sites[i];
        struct seep_sampling_spread spread = seep_sampling_spread_of(recording, i);

        if (site->kind == SEEP_KIND_HEAP && site->points.count > 0) {
            const struct seep_counters *last = &site->points.last;

            live += spread.live * ((double)last->acquired - (double)last->released);
            bytes += spread.bytes *
                     ((double)last->acquired_bytes - (double)last->released_bytes);
            most.live = spread.live > most.live ? spread.live : most.live;
        }
    }
    totals->heap_live_error = seep_sampling_error(fmax(live, 0), most.live);
    totals->heap_live_bytes_error = seep_sampling_error(fmax(bytes, 0), most.bytes);
    totals->heap_peak_bytes_error =
        seep_sampling_error(most.bytes * (double)totals->heap_peak_bytes, most.bytes);
}

static int fill_children(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    struct seep_findings *findings = analysis->findings;

    if (recording->child_count == 0) {
        return 0;
    }
    findings->children = seep_findings_alloc(findings, recording->child_count,
                                             sizeof(*findings->children));
    if (findings->children == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < recording->child_count; i++) {
        const struct seep_rec_child *child = &recording->children[i];

        findings->children[findings->child_count++] = (struct seep_view_child){
            .pid = child->pid,
            .command = seep_findings_text(findings, child->command),
            .file = seep_findings_text(findings, child->file),
            .ending =
                seep_overview_ending(findings, child->ending_kind, child->ending_status),
            .replaced = child->ending_kind == SEEP_ENDING_EXEC,
            .duration_s = (double)child->duration_ns / 1e9,
            .heap_acquired = child->heap_acquired,
            .heap_released = child->heap_released,
            .heap_live_bytes = child->heap_live_bytes,
        };
    }
    return 0;
}

static int fill_notes(struct seep_analysis *analysis)
{
    const struct seep_recording *recording = analysis->recording;
    struct seep_findings *findings = analysis->findings;
    const char *const *missing = NULL;
    size_t missing_count = seep_symbolizer_missing(analysis->symbolizer, &missing);
    size_t n = recording->note_count + missing_count;

    if (n == 0) {
        return 0;
    }
    findings->notes = seep_findings_alloc(findings, n, sizeof(*findings->notes));
    if (findings->notes == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < recording->note_count; i++) {
        findings->notes[findings->note_count++] =
            seep_findings_text(findings, recording->notes[i].text);
    }
    for (size_t i = 0; i < missing_count; i++) {
        findings->notes[findings->note_count++] =
            seep_findings_printf(findings, "no symbols: %s", missing[i]);
    }
    return 0;
}

int seep_overview_fill(struct seep_analysis *analysis)
{
    int status = fill_program(analysis);

    fill_lost(analysis);
    fill_totals(analysis);
    if (status == 0) {
        status = fill_subsystems(analysis);
    }
    if (status == 0) {
        status = seep_holding_view_fill(analysis);
    }
    if (status == 0) {
        fill_errors(analysis);
        status = seep_peak_view_fill(analysis);
    }
    if (status == 0) {
        status = fill_children(analysis);
    }
    return status == 0 ? fill_notes(analysis) : status;
}
