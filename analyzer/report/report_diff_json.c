/* What changed between two runs as JSON, for programs: fields are added, never changed.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "report/diff_view.h"

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *side(const struct seep_finding *finding, const struct seep_diff_rate *of)
{
    return json_pack("{s:o, s:o, s:o, s:[o, o]}", "id",
                     finding != NULL ? json_string(finding->id) : json_null(), "verdict",
                     finding != NULL ? json_string(seep_verdict_name(finding->verdict))
                                     : json_null(),
                     "growth_per_s", number(of->per_s), "growth_ci",
                     number(of->low_per_s), number(of->high_per_s));
}

static json_t *stack(const struct seep_finding *finding)
{
    json_t *array = json_array();

    for (size_t i = 0; i < finding->stack_count; i++) {
        const struct seep_view_frame *frame = &finding->stack[i];

        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:i, s:s}", "function",
                                        frame->function, "file", frame->file, "line",
                                        (int)frame->line, "module", frame->module));
    }
    return array;
}

static json_t *change(const struct seep_diff_entry *entry)
{
    const struct seep_finding *finding = seep_change_finding(entry);
    json_t *object = json_pack(
        "{s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "change",
        seep_change_name(entry->change), "confidence", number(entry->confidence), "kind",
        seep_kind_name(finding->kind), "subsystem", finding->subsystem, "function",
        finding->headline, "summary", finding->summary, "unit",
        entry->of_bytes ? "bytes" : "count", "in_both", (int)entry->matched, "base",
        side(entry->base, &entry->base_rate), "new",
        side(entry->fresh, &entry->fresh_rate), "stack", stack(finding));

    if (entry->why[0] != '\0') {
        json_object_set_new(object, "why", json_string(entry->why));
    }
    return object;
}

static json_t *run(const struct seep_diff_view *view, unsigned i)
{
    const struct seep_findings *findings = view->findings[i];

    return json_pack("{s:s, s:o, s:i, s:s}", "file", view->paths[i], "duration_s",
                     number(findings->duration_s), "snapshots", (int)findings->snapshots,
                     "verdict", seep_outcome_name(findings->outcome));
}

static json_t *work(const struct seep_diff_work *from)
{
    return from->known
               ? json_pack("{s:s, s:b, s:o, s:o}", "what", from->what, "by_mark",
                           (int)from->by_mark, "base_per_s", number(from->base_per_s),
                           "new_per_s", number(from->fresh_per_s))
               : json_null();
}

static int append(const char *bytes, size_t n, void *out)
{
    seep_buf_put(out, bytes, n);
    return 0;
}

int seep_diff_view_json(const struct seep_diff_view *view, struct seep_buf *out)
{
    static const char *const per[] = {"both", "time", "operation"};
    json_t *lists[2] = {json_array(), json_array()};
    json_t *counts = json_object();

    for (size_t i = 0; i < view->diff->count; i++) {
        const struct seep_diff_entry *entry = &view->diff->entries[i];

        if (entry->change != SEEP_CHANGE_SAME) {
            json_array_append_new(lists[!seep_change_is_told(entry)], change(entry));
        }
    }
    for (unsigned i = SEEP_CHANGE_NEW; i <= SEEP_CHANGE_SAME; i++) {
        json_object_set_new(counts, seep_change_name((enum seep_change)i),
                            json_integer((json_int_t)view->diff->of_change[i]));
    }
    json_t *all = json_pack("{s:i, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "seep_diff", 1,
                            "base", run(view, 0), "new", run(view, 1), "per",
                            per[view->diff->per], "work", work(&view->diff->work),
                            "counts", counts, "changes", lists[0], "unsure", lists[1]);

    json_object_set_new(all, "conclusive",
                        json_boolean(seep_diff_view_is_conclusive(view)));
    if (all == NULL || json_dump_callback(all, append, out,
                                          JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0) {
        out->failed = true;
    }
    json_decref(all);
    seep_buf_put(out, "\n", 1);
    return out->failed ? -ENOMEM : 0;
}
