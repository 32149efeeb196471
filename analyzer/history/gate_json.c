/* A gate for programs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/gate_json.h"

#include <errno.h>

#include "history/gate_text.h"
#include "history/run_json.h"

static json_t *run_or_null(const struct seep_history_run *run)
{
    return run != NULL ? seep_run_json_name(run) : json_null();
}

static json_t *item_of(const struct seep_gate *gate, const struct seep_gate_item *item)
{
    static const char *const words[] = {"", "new", "worse", "known"};
    char reason[SEEP_GATE_SENTENCE_MAX];

    return json_pack(
        "{s:s, s:s, s:b, s:b, s:I, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:b, s:o}",
        "judgement", words[item->judgement], "reason",
        seep_gate_reason(gate, item, reason), "matched_by_name", item->by_name,
        "was_bounded", item->bounded, "seen_in_runs", (json_int_t)item->seen, "first",
        run_or_null(item->first), "last", run_or_null(item->last), "was",
        item->was != NULL ? seep_run_json_finding(item->was) : json_null(), "basis",
        seep_measure_basis_name(item->basis), "value", seep_run_json_real(item->value),
        "typical", seep_run_json_real(item->bound.typical), "bound",
        seep_run_json_real(item->bound.bound), "bound_from_runs",
        (json_int_t)item->bound.used, "bound_by_hand", item->bound.by_hand, "finding",
        seep_run_json_finding(item->finding));
}

static json_t *gate_of(const struct seep_gate *gate)
{
    json_t *runs = json_array();
    json_t *items = json_array();
    json_t *gone = json_array();

    for (size_t i = 0; i < gate->history->count; i++) {
        (void)json_array_append_new(runs, seep_run_json_name(&gate->history->runs[i]));
    }
    for (size_t i = 0; i < gate->item_count; i++) {
        (void)json_array_append_new(items, item_of(gate, &gate->items[i]));
    }
    for (size_t i = 0; i < gate->gone_count; i++) {
        (void)json_array_append_new(gone, seep_run_json_finding(gate->gone[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:s, s:I, s:o, s:o, s:o, s:o}",
                     "file", gate->file, "program", gate->run->program, "against",
                     gate->against, "fails", gate->fails, "history_is_empty",
                     gate->is_empty, "failures", (json_int_t)gate->failures,
                     "inconclusive", gate->run->inconclusive, "below_probable",
                     (json_int_t)gate->below, "run", seep_run_json_name(gate->run),
                     "history", runs, "findings", items, "gone", gone);
}

int seep_gate_json(const struct seep_gate *gates, size_t count, struct seep_buf *out)
{
    json_t *list = json_array();
    bool fails = false;

    for (size_t i = 0; i < count; i++) {
        fails = fails || gates[i].fails;
        if (json_array_append_new(list, gate_of(&gates[i])) < 0) {
            json_decref(list);
            return -ENOMEM;
        }
    }
    return seep_run_json_write(
        json_pack("{s:i, s:b, s:o}", "seep_gate", 1, "fails", fails, "gates", list), out);
}
