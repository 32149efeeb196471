/* Descriptors, timers and mappings in the JSON report.
 *
 * What is open is the kernel's number, which counts inherited and unrecorded descriptors
 * too; the shim's own stands beside it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/report_json_holding.h"

#include <math.h>

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

/* A collector that lists descriptors records these kinds also where there are none. */
static bool is_known(const struct seep_findings *findings, enum seep_kind kind)
{
    return findings->recorded[kind] || findings->descriptors.known;
}

static json_t *fd(const struct seep_findings *findings)
{
    const struct seep_view_totals *totals = &findings->totals;
    const struct seep_view_held *held = &findings->held[SEEP_KIND_FD];
    bool asked = totals->fds_peak != 0;

    if (!asked && !findings->recorded[SEEP_KIND_FD]) {
        return json_null();
    }
    json_t *object =
        json_pack("{s:o, s:o}", "live", integer(asked ? totals->fds_live : held->live),
                  "peak", integer(asked ? totals->fds_peak : held->peak));

    if (is_known(findings, SEEP_KIND_FD)) {
        json_object_set_new(object, "recorded_live", integer(held->live));
        json_object_set_new(object, "recorded_peak", integer(held->peak));
    }
    return object;
}

json_t *seep_report_json_held(const struct seep_findings *findings, enum seep_kind kind)
{
    const struct seep_view_held *held = &findings->held[kind];

    if (kind == SEEP_KIND_FD) {
        return fd(findings);
    }
    if (!is_known(findings, kind)) {
        return json_null();
    }
    json_t *object =
        json_pack("{s:o, s:o}", "live", integer(held->live), "peak", integer(held->peak));

    if (kind == SEEP_KIND_MAPPING) {
        json_object_set_new(object, "live_bytes", integer(held->live_bytes));
        json_object_set_new(object, "peak_bytes", integer(held->peak_bytes));
    }
    return object;
}

json_t *seep_report_json_subsystem_held(const struct seep_findings *findings,
                                        const struct seep_view_subsystem *subsystem,
                                        enum seep_kind kind)
{
    double growth_per_s = subsystem->held_growth_per_s[kind];

    if (!is_known(findings, kind)) {
        return json_null();
    }
    return json_pack("{s:o, s:o}", "live", integer(subsystem->held_live[kind]),
                     "growth_per_s",
                     isfinite(growth_per_s) ? json_real(growth_per_s) : json_null());
}

json_t *seep_report_json_targets(const struct seep_view_targets *targets)
{
    json_t *groups = json_array();

    for (size_t i = 0; i < targets->group_count; i++) {
        const struct seep_view_group *group = &targets->groups[i];
        json_t *examples = json_array();

        for (size_t k = 0; k < group->example_count; k++) {
            json_array_append_new(examples, json_string(group->examples[k]));
        }
        json_array_append_new(groups,
                              json_pack("{s:s, s:o, s:o}", "what", group->what, "count",
                                        integer(group->count), "examples", examples));
    }
    return json_pack("{s:s, s:o, s:o}", "noun",
                     targets->noun != NULL ? targets->noun : "descriptors", "listed",
                     integer(targets->total), "groups", groups);
}

json_t *seep_report_json_descriptors(const struct seep_findings *findings)
{
    const struct seep_view_descriptors *view = &findings->descriptors;

    if (!view->known) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "at_s", json_real(view->at_s),
                     "open", integer(view->open), "recorded", integer(view->recorded),
                     "inherited", integer(view->inherited), "unrecorded",
                     integer(view->unrecorded), "gone", integer(view->gone),
                     "unrecorded_targets", seep_report_json_targets(&view->past));
}
