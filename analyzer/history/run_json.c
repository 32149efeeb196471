/* Runs for programs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/run_json.h"

#include <errno.h>
#include <math.h>
#include <time.h>

json_t *seep_run_json_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *time_of(uint64_t since_1970_ns)
{
    time_t seconds = (time_t)(since_1970_ns / 1000000000U);
    struct tm parts;
    char text[40] = "";

    if (gmtime_r(&seconds, &parts) != NULL) {
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
    return json_string(text);
}

json_t *seep_run_json_name(const struct seep_history_run *run)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "run", run->id, "commit", run->commit,
                     "branch", run->branch, "started_at", time_of(run->started_ns));
}

json_t *seep_run_json_finding(const struct seep_history_finding *f)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:[o,o], s:o, "
        "s:[o,o], s:o, s:o, s:s, s:s, s:o, s:o, s:s, s:o}",
        "id", f->id, "kind", seep_kind_name(f->kind), "verdict",
        seep_verdict_name(f->verdict), "cause", f->cause, "subsystem", f->subsystem,
        "headline", f->headline, "place", f->place, "summary", f->summary, "live",
        (json_int_t)f->live, "live_bytes", (json_int_t)f->live_bytes, "acquired",
        (json_int_t)f->acquired, "released", (json_int_t)f->released, "growth_per_s",
        seep_run_json_real(f->growth_per_s), "growth_per_s_ci",
        seep_run_json_real(f->growth_per_s_ci.low),
        seep_run_json_real(f->growth_per_s_ci.high), "growth_bytes_per_s",
        seep_run_json_real(f->growth_bytes_per_s), "growth_ci",
        seep_run_json_real(f->growth_bytes_per_s_ci.low),
        seep_run_json_real(f->growth_bytes_per_s_ci.high), "q_value",
        seep_run_json_real(f->q_value), "judged_s", seep_run_json_real(f->judged_s),
        "pattern", f->pattern, "unit", f->unit, "growth_per_unit",
        seep_run_json_real(f->growth_per_unit), "growth_bytes_per_unit",
        seep_run_json_real(f->growth_bytes_per_unit), "limit", f->limit,
        "time_to_limit_s", seep_run_json_real(f->time_to_limit_s));
}

static json_t *labels_of(const struct seep_history_run *run)
{
    json_t *labels = json_object();

    for (size_t i = 0; i < run->label_count; i++) {
        (void)json_object_set_new(labels, run->labels[i].name,
                                  json_string(run->labels[i].value));
    }
    return labels;
}

static json_t *findings_of(const struct seep_history_run *run)
{
    json_t *findings = json_array();

    for (size_t i = 0; i < run->finding_count; i++) {
        (void)json_array_append_new(findings, seep_run_json_finding(&run->findings[i]));
    }
    return findings;
}

json_t *seep_run_json(const struct seep_history_run *run, bool with_findings)
{
    json_t *value = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:f, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s,"
        " s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}}",
        "run", run->id, "program", run->program, "command", run->command, "host",
        run->host, "pid", (json_int_t)run->pid, "started_at", time_of(run->started_ns),
        "added_at", time_of(run->added_ns), "duration_s", run->duration_s, "commit",
        run->commit, "branch", run->branch, "labels", labels_of(run), "seep_version",
        run->seep_version, "mode", run->mode, "ending", run->ending, "outcome",
        run->outcome, "inconclusive", run->inconclusive, "totals", "heap_live",
        (json_int_t)run->heap_live, "heap_live_bytes", (json_int_t)run->heap_live_bytes,
        "heap_peak_bytes", (json_int_t)run->heap_peak_bytes, "threads_live",
        (json_int_t)run->threads_live, "threads_peak", (json_int_t)run->threads_peak,
        "fds_live", (json_int_t)run->fds_live, "fds_peak", (json_int_t)run->fds_peak,
        "lost_events", (json_int_t)run->lost_events);

    if (value != NULL && with_findings) {
        (void)json_object_set_new(value, "findings", findings_of(run));
    }
    return value;
}

static int into_buffer(const char *bytes, size_t len_bytes, void *context)
{
    seep_buf_put(context, bytes, len_bytes);
    return 0;
}

int seep_run_json_write(json_t *value, struct seep_buf *out)
{
    bool good =
        value != NULL && json_dump_callback(value, into_buffer, out,
                                            JSON_INDENT(1) | JSON_REAL_PRECISION(9)) == 0;

    json_decref(value);
    seep_buf_printf(out, "\n");
    return good && !out->failed ? 0 : -ENOMEM;
}

int seep_run_json_list(const struct seep_history_runs *runs, bool with_findings,
                       struct seep_buf *out)
{
    json_t *list = json_array();

    for (size_t i = runs->count; i-- > 0;) {
        if (json_array_append_new(list, seep_run_json(&runs->runs[i], with_findings)) <
            0) {
            json_decref(list);
            return -ENOMEM;
        }
    }
    return seep_run_json_write(json_pack("{s:i, s:o}", "seep_store", 1, "runs", list),
                               out);
}
