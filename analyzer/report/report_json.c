/* The report as JSON, version 1: fields may be added, never changed.
 *
 * jansson keeps the order of insertion, which makes the bytes a function of the findings.
 * Text was made valid UTF-8 when it entered the findings. A kind that was not recorded is
 * null, not zero.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/whole.h"
#include "report/json_stack.h"
#include "report/renderer.h"
#include "report/report_json_heap.h"
#include "report/report_json_holding.h"
#include "report/report_thread.h"

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *range(struct seep_view_range value)
{
    return json_pack("[o, o]", number(value.low), number(value.high));
}

static json_t *strings(const char *const *values, size_t n)
{
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, json_string(values[i]));
    }
    return array;
}

static json_t *started_at(uint64_t realtime_ns)
{
    char text[40] = "";
    time_t seconds = (time_t)(realtime_ns / 1000000000);
    struct tm utc;

    if (gmtime_r(&seconds, &utc) != NULL) {
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    return json_string(text);
}

static json_t *program(const struct seep_findings *findings)
{
    json_t *ending = json_pack(
        "{s:s, s:i, s:o, s:s}", "kind", findings->ending_kind, "status",
        (int)findings->ending_status, "signal",
        findings->ending_signal != 0 ? integer(findings->ending_signal) : json_null(),
        "text", findings->ending);

    return json_pack("{s:o, s:s, s:i, s:s, s:o, s:o, s:o}", "command",
                     strings(findings->command, findings->command_count), "exe",
                     findings->exe, "pid", (int)findings->pid, "host", findings->host,
                     "started_at", started_at(findings->started_realtime_ns),
                     "duration_s", number(findings->duration_s), "ending", ending);
}

static json_t *lost(const struct seep_findings *findings)
{
    static const char *const keys[SEEP_LOSS_MAX] = {
#define SEEP_X(name, value, key, text) [(value)] = (key),
        SEEP_LOSSES(SEEP_X)
#undef SEEP_X
    };
    json_t *reasons = json_object();

    for (size_t i = 0; i < SEEP_LOSS_MAX; i++) {
        if (findings->lost[i] != 0) {
            char other[24];

            (void)snprintf(other, sizeof(other), "reason_%zu", i);
            json_object_set_new(reasons, keys[i] != NULL ? keys[i] : other,
                                integer(findings->lost[i]));
        }
    }
    return json_pack("{s:o, s:o}", "total", integer(findings->lost_events), "reasons",
                     reasons);
}

static json_t *recording(const struct seep_findings *findings)
{
    json_t *events = json_object();

    for (unsigned kind = 1; kind < SEEP_KIND_END; kind++) {
        if (findings->recorded[kind]) {
            json_object_set_new(events, seep_kind_name((enum seep_kind)kind),
                                json_pack("{s:o, s:o}", "acquired",
                                          integer(findings->events[kind].acquired),
                                          "released",
                                          integer(findings->events[kind].released)));
        }
    }
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "mode", findings->mode,
        "sample_bytes",
        findings->sample_bytes != 0 ? integer(findings->sample_bytes) : json_null(),
        "interval_s", number(findings->interval_s), "snapshots",
        integer(findings->snapshots), "truncated", (int)findings->truncated,
        "truncated_at",
        findings->truncated ? integer(findings->truncated_at) : json_null(), "judged_s",
        range((struct seep_view_range){findings->judged_from_s, findings->judged_to_s}),
        "events", events, "lost", lost(findings));
}

static json_t *totals(const struct seep_findings *findings)
{
    const struct seep_view_totals *from = &findings->totals;
    json_t *thread = json_pack(
        "{s:o, s:o, s:o, s:o}", "live", integer(from->threads_live), "peak",
        integer(from->threads_peak), "unjoined", integer(from->threads_unjoined),
        "unwrapped", seep_report_json_unwrapped(&findings->unwrapped));

    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "heap", seep_report_json_heap(findings),
                     "thread", thread, "fd",
                     seep_report_json_held(findings, SEEP_KIND_FD), "timer",
                     seep_report_json_held(findings, SEEP_KIND_TIMER), "mapping",
                     seep_report_json_held(findings, SEEP_KIND_MAPPING));
}

static json_t *subsystems(const struct seep_findings *findings)
{
    static const enum seep_kind held[] = {SEEP_KIND_FD, SEEP_KIND_TIMER,
                                          SEEP_KIND_MAPPING};
    json_t *array = json_array();

    for (size_t i = 0; i < findings->subsystem_count; i++) {
        const struct seep_view_subsystem *from = &findings->subsystems[i];
        json_t *heap =
            json_pack("{s:o, s:o, s:o}", "live", integer(from->heap_live), "live_bytes",
                      integer(from->heap_live_bytes), "growth_bytes_per_s",
                      number(from->heap_growth_bytes_per_s));
        json_t *thread = json_pack("{s:o, s:o}", "live", integer(from->threads_live),
                                   "growth_per_s", number(from->threads_growth_per_s));

        json_t *row = json_pack("{s:s, s:o, s:o}", "name", from->name, "heap", heap,
                                "thread", thread);

        for (size_t k = 0; k < sizeof(held) / sizeof(held[0]); k++) {
            json_object_set_new(row, seep_kind_name(held[k]),
                                seep_report_json_subsystem_held(findings, from, held[k]));
        }
        json_array_append_new(array, row);
    }
    return array;
}

static json_t *evidence(const struct seep_view_evidence *from)
{
    json_t *object = json_pack("{s:o, s:o}", "live", integer(from->live), "live_bytes",
                               integer(from->live_bytes));

    json_object_set_new(object, "live_error", number(from->live_error));
    json_object_set_new(object, "live_bytes_error", number(from->live_bytes_error));
    json_object_set_new(object, "growth_per_s",
                        from->measured ? number(from->growth_per_s) : json_null());
    json_object_set_new(object, "growth_bytes_per_s",
                        from->measured ? number(from->growth_bytes_per_s) : json_null());
    json_object_set_new(object, "growth_ci",
                        from->measured ? range(from->growth_bytes_per_s_ci)
                                       : json_null());
    json_object_set_new(object, "growth_per_s_ci",
                        from->measured ? range(from->growth_per_s_ci) : json_null());
    json_object_set_new(object, "q_value",
                        from->measured ? number(from->q_value) : json_null());
    json_object_set_new(object, "grew", integer(from->grew));
    json_object_set_new(object, "end_share",
                        from->measured ? number(from->end_share) : json_null());
    json_object_set_new(object, "judged_s", number(from->judged_s));
    json_object_set_new(object, "oldest_age_s",
                        from->ages_known ? number(from->oldest_age_s) : json_null());
    json_object_set_new(object, "generations_alive",
                        from->ages_known ? integer(from->generations_alive)
                                         : json_null());
    json_object_set_new(object, "acquired", integer(from->acquired));
    json_object_set_new(object, "released", integer(from->released));
    return object;
}

static json_t *forecast(const struct seep_view_forecast *from)
{
    if (from->limit == NULL) {
        return json_null();
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "limit", from->limit,
                     from->limit[0] == 't' || from->limit[0] == 'n' ? "limit_count"
                                                                    : "limit_bytes",
                     integer(seep_whole(from->limit_value)), "time_to_limit_s",
                     number(from->time_to_limit_s), "ci_s", range(from->ci_s));
}

static json_t *threads(const struct seep_finding *finding)
{
    json_t *array = json_array();

    for (size_t i = 0; i < finding->thread_count; i++) {
        const struct seep_view_thread *from = &finding->threads[i];

        json_array_append_new(
            array, json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:s, s:o}", "tid",
                             integer(from->tid), "name", from->name, "state", from->state,
                             "wait", from->wait, "blocked_s", number(from->blocked_s),
                             "idle_s", number(from->idle_s), "start", from->start,
                             "stack", seep_json_stack(from->stack, from->stack_count)));
    }
    return array;
}

static json_t *series(const struct seep_finding *finding)
{
    json_t *live = json_array();

    for (size_t i = 0; i < finding->series_count; i++) {
        json_array_append_new(live, number(finding->series[i]));
    }
    return json_pack("{s:o, s:o, s:s, s:o}", "from_s", number(finding->series_from_s),
                     "to_s", number(finding->series_to_s), "unit",
                     finding->series_of_bytes ? "bytes" : "count", "live", live);
}

static json_t *pattern(const struct seep_view_pattern *from)
{
    json_t *unit = json_null();

    if (from->kind == SEEP_PATTERN_NONE) {
        return json_null();
    }
    if (from->unit != NULL) {
        bool paced = from->growth_bytes_per_unit > 0 || from->growth_per_unit > 0;

        unit = json_pack("{s:s, s:b, s:o, s:o}", "name", from->unit, "by_mark",
                         (int)from->unit_by_mark, "growth_per_unit",
                         paced ? number(from->growth_per_unit) : json_null(),
                         "growth_bytes_per_unit",
                         paced ? number(from->growth_bytes_per_unit) : json_null());
    }
    return json_pack("{s:s, s:s, s:s?, s:o, s:s?}", "name", seep_pattern_name(from->kind),
                     "text", from->text, "pace", from->pace, "unit", unit, "with",
                     from->with);
}

static json_t *members(const struct seep_finding *finding)
{
    json_t *array = json_array();

    for (size_t i = 0; i < finding->member_count; i++) {
        const struct seep_view_member *from = &finding->members[i];

        json_array_append_new(
            array, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "function", from->headline,
                             "place", from->place, "live", integer(from->live),
                             "live_bytes", integer(from->live_bytes), "growth_per_s",
                             number(from->growth_per_s), "growth_bytes_per_s",
                             number(from->growth_bytes_per_s)));
    }
    return array;
}

static json_t *one_finding(const struct seep_findings *findings,
                           const struct seep_finding *finding)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", finding->id,
                               "kind", seep_kind_name(finding->kind), "verdict",
                               seep_verdict_name(finding->verdict), "cause",
                               seep_cause_name(finding->cause), "subsystem",
                               finding->subsystem, "summary", finding->summary);

    json_object_set_new(object, "evidence", evidence(&finding->evidence));
    if (finding->limit.container != NULL) {
        json_object_set_new(object, "declared",
                            json_pack("{s:s, s:o, s:b}", "container",
                                      finding->limit.container, "limit",
                                      integer(finding->limit.most), "broken",
                                      (int)finding->limit.is_broken));
    }
    json_object_set_new(object, "pattern", pattern(&finding->pattern));
    json_object_set_new(object, "forecast", forecast(&finding->forecast));
    json_object_set_new(object, "stack",
                        seep_json_stack(finding->stack, finding->stack_count));
    json_object_set_new(object, "stack_end", json_string(finding->stack_end));
    json_object_set_new(object, "threads", threads(finding));
    json_object_set_new(object, "threads_total", integer(finding->thread_total));
    if (finding->longest_stop_s > 0) {
        json_object_set_new(object, "longest_stop_s", number(finding->longest_stop_s));
    }
    json_object_set_new(object, "companions",
                        json_pack("{s:o, s:o}", "sites",
                                  integer(finding->companion_sites), "bytes_per_thread",
                                  number(finding->companion_bytes)));
    if (finding->lifetimes.known) {
        json_object_set_new(object, "lifetimes",
                            seep_report_json_lifetimes(&finding->lifetimes));
    }
    if (finding->targets.noun != NULL) {
        json_object_set_new(object, "targets",
                            seep_report_json_targets(&finding->targets));
    }
    if (finding->member_total > 0) {
        json_object_set_new(object, "sites", members(finding));
        json_object_set_new(object, "sites_total", integer(finding->member_total));
    }
    if (finding->with != 0) {
        json_object_set_new(object, "with",
                            json_string(findings->findings[finding->with - 1].id));
    }
    json_object_set_new(object, "series", series(finding));
    return object;
}

static json_t *children(const struct seep_findings *findings)
{
    json_t *array = json_array();

    for (size_t i = 0; i < findings->child_count; i++) {
        const struct seep_view_child *from = &findings->children[i];

        json_array_append_new(
            array,
            json_pack("{s:i, s:s, s:s, s:b, s:o, s:s, s:o, s:o}", "pid", (int)from->pid,
                      "command", from->command, "ending", from->ending,
                      "replaced_by_exec", (int)from->replaced, "duration_s",
                      number(from->duration_s), "file", from->file, "heap",
                      json_pack("{s:o, s:o, s:o}", "acquired",
                                integer(from->heap_acquired), "released",
                                integer(from->heap_released), "live_bytes",
                                integer(from->heap_live_bytes)),
                      "verdict",
                      from->outcome != 0 ? json_string(seep_outcome_name(from->outcome))
                                         : json_null()));
    }
    return array;
}

static json_t *suppressed(const struct seep_view_suppressed *from)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s}", "findings",
                     integer(from->findings), "leaks", integer(from->leaks), "rules",
                     integer(from->rules), "rules_used", integer(from->rules_used),
                     "expired", strings(from->expired, from->expired_count), "unused",
                     from->unused);
}

static int append(const char *bytes, size_t n, void *out)
{
    seep_buf_put(out, bytes, n);
    return 0;
}

static int render(const struct seep_findings *findings,
                  const struct seep_render_options *options, struct seep_buf *out)
{
    json_t *report = json_pack("{s:i}", "seep_report", 1);
    json_t *array = json_array();
    size_t shown = options->top != 0 && options->top < findings->finding_count
                       ? options->top
                       : findings->finding_count;

    for (size_t i = 0; i < shown; i++) {
        json_array_append_new(array, one_finding(findings, &findings->findings[i]));
    }
    json_object_set_new(report, "program", program(findings));
    json_object_set_new(report, "recording", recording(findings));
    json_object_set_new(report, "totals", totals(findings));
    json_object_set_new(report, "descriptors", seep_report_json_descriptors(findings));
    json_object_set_new(report, "subsystems", subsystems(findings));
    json_object_set_new(report, "verdict",
                        json_string(seep_outcome_name(findings->outcome)));
    json_object_set_new(report, "inconclusive",
                        findings->inconclusive[0] != '\0'
                            ? json_string(findings->inconclusive)
                            : json_null());
    json_object_set_new(report, "advice",
                        findings->advice[0] != '\0' ? json_string(findings->advice)
                                                    : json_null());
    json_object_set_new(report, "findings", array);
    json_object_set_new(report, "findings_total", integer(findings->finding_count));
    if (findings->suppressed.asked) {
        json_object_set_new(report, "suppressed", suppressed(&findings->suppressed));
    }
    json_object_set_new(report, "left_at_exit",
                        json_pack("{s:o, s:o}", "sites",
                                  integer(findings->left_at_exit_sites), "live_bytes",
                                  integer(findings->left_at_exit_bytes)));
    json_object_set_new(report, "children", children(findings));
    json_object_set_new(report, "notes", strings(findings->notes, findings->note_count));

    /* Six digits: more would be noise, and differ between compilers. */
    int status =
        json_dump_callback(report, append, out, JSON_INDENT(1) | JSON_REAL_PRECISION(6));

    json_decref(report);
    seep_buf_put(out, "\n", 1);
    return status != 0 || out->failed ? -ENOMEM : 0;
}

const struct seep_renderer SEEP_RENDERER_JSON = {.name = "json", .render = render};
