/* From findings to what is kept of them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/history_run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void seep_history_runs_fini(struct seep_history_runs *runs)
{
    seep_findings_free(runs->memory);
    *runs = (struct seep_history_runs){0};
}

void seep_history_run_identify(const char *host, uint32_t pid, uint64_t started_ns,
                               char *id)
{
    uint64_t digest = XXH64(host, strlen(host) + 1, 0);

    digest = XXH64(&pid, sizeof(pid), digest);
    digest = XXH64(&started_ns, sizeof(started_ns), digest);
    (void)snprintf(id, SEEP_HISTORY_ID_BYTES, "%016" PRIx64, digest);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Where the function that answers for it stands. */
static const char *place_of(struct seep_findings *owner,
                            const struct seep_finding *finding)
{
    for (size_t i = 0; i < finding->stack_count; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];

        if (strcmp(frame->function, finding->headline) == 0 && frame->file[0] != '\0') {
            return seep_findings_printf(owner, "%s:%" PRIu32, base_name(frame->file),
                                        frame->line);
        }
    }
    return "";
}

static void take_growth(const struct seep_finding *finding,
                        struct seep_history_finding *out)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    const struct seep_view_pattern *pattern = &finding->pattern;
    bool per_unit = pattern->pace != NULL && pattern->unit != NULL &&
                    strcmp(pattern->pace, "operations") == 0;
    struct seep_view_range unknown = {NAN, NAN};
    bool measured = evidence->measured;

    out->growth_per_s = measured ? evidence->growth_per_s : NAN;
    out->growth_bytes_per_s = measured ? evidence->growth_bytes_per_s : NAN;
    out->growth_per_s_ci = measured ? evidence->growth_per_s_ci : unknown;
    out->growth_bytes_per_s_ci = measured ? evidence->growth_bytes_per_s_ci : unknown;
    out->q_value = evidence->q_value;
    out->judged_s = evidence->judged_s;
    out->pattern = seep_pattern_name(pattern->kind);
    out->unit = per_unit ? pattern->unit : "";
    out->growth_per_unit = per_unit ? pattern->growth_per_unit : NAN;
    out->growth_bytes_per_unit = per_unit ? pattern->growth_bytes_per_unit : NAN;
    out->limit = finding->forecast.limit != NULL ? finding->forecast.limit : "";
    out->time_to_limit_s =
        finding->forecast.limit != NULL ? finding->forecast.time_to_limit_s : NAN;
}

static void take_finding(struct seep_findings *owner, const struct seep_finding *finding,
                         struct seep_history_finding *out)
{
    *out = (struct seep_history_finding){
        .id = finding->id,
        .kind = finding->kind,
        .verdict = finding->verdict,
        .cause = seep_cause_name(finding->cause),
        .subsystem = finding->subsystem,
        .headline = finding->headline,
        .summary = finding->summary,
        .place = place_of(owner, finding),
        .live = finding->evidence.live,
        .live_bytes = finding->evidence.live_bytes,
        .acquired = finding->evidence.acquired,
        .released = finding->evidence.released,
    };
    take_growth(finding, out);
}

static const char *command_of(struct seep_findings *findings)
{
    char text[1024] = "";
    size_t at = 0;

    for (size_t i = 0; i < findings->command_count && at < sizeof(text) - 1; i++) {
        int n = snprintf(text + at, sizeof(text) - at, "%s%s", i > 0 ? " " : "",
                         findings->command[i]);

        at += n > 0 ? (size_t)n : 0;
    }
    return seep_findings_text(findings, text);
}

static void take_summary(struct seep_findings *findings, struct seep_history_run *out)
{
    const struct seep_view_totals *totals = &findings->totals;

    out->program = base_name(findings->exe);
    out->command = command_of(findings);
    out->host = findings->host;
    out->pid = findings->pid;
    out->started_ns = findings->started_realtime_ns;
    out->duration_s = findings->duration_s;
    out->mode = findings->mode;
    out->ending = findings->ending;
    out->outcome = seep_outcome_name(findings->outcome);
    out->inconclusive = findings->inconclusive;
    out->heap_live = totals->heap_live;
    out->heap_live_bytes = totals->heap_live_bytes;
    out->heap_peak_bytes = totals->heap_peak_bytes;
    out->threads_live = totals->threads_live;
    out->threads_peak = totals->threads_peak;
    out->fds_live = totals->fds_live;
    out->fds_peak = totals->fds_peak;
    out->lost_events = findings->lost_events;
}

int seep_history_run_make(struct seep_findings *findings,
                          const struct seep_history_origin *origin,
                          struct seep_history_run *out)
{
    struct seep_history_finding *rows =
        seep_findings_alloc(findings, findings->finding_count + 1, sizeof(*rows));
    char *id = seep_findings_alloc(findings, SEEP_HISTORY_ID_BYTES, 1);

    if (rows == NULL || id == NULL) {
        return -ENOMEM;
    }
    seep_history_run_identify(findings->host, findings->pid,
                              findings->started_realtime_ns, id);
    for (size_t i = 0; i < findings->finding_count; i++) {
        take_finding(findings, &findings->findings[i], &rows[i]);
    }
    *out = (struct seep_history_run){
        .id = id,
        .commit = seep_findings_text(findings, origin->commit),
        .branch = seep_findings_text(findings, origin->branch),
        .seep_version = seep_findings_text(findings, origin->seep_version),
        .added_ns = origin->added_ns,
        .labels = origin->labels,
        .label_count = origin->label_count,
        .findings = rows,
        .finding_count = findings->finding_count,
    };
    take_summary(findings, out);
    return 0;
}
