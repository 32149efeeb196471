/* A gate in words.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/gate_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "history/run_text.h"

const char *seep_gate_word(enum seep_gate_judgement judgement)
{
    return judgement == SEEP_GATE_NEW     ? "NEW"
           : judgement == SEEP_GATE_WORSE ? "WORSE"
                                          : "KNOWN";
}

const char *seep_gate_sentence(const struct seep_gate *gate, char *out)
{
    char program_name[SEEP_RUN_CUT_MAX];
    char branch_name[SEEP_RUN_CUT_MAX];
    const char *program = seep_run_text_cut(gate->run->program, program_name);
    const char *against = seep_run_text_cut(gate->against, branch_name);
    if (gate->is_empty) {
        (void)snprintf(out, SEEP_GATE_SENTENCE_MAX,
                       "nothing to compare with: no other run of %s on %s is kept "
                       "(--when-empty %s)",
                       program, against, gate->fails ? "fail" : "pass");
    } else if (gate->failures > 0) {
        (void)snprintf(out, SEEP_GATE_SENTENCE_MAX, "%zu %s new or worse than on %s",
                       gate->failures,
                       gate->failures == 1 ? "finding is" : "findings are", against);
    } else {
        (void)snprintf(out, SEEP_GATE_SENTENCE_MAX,
                       "no finding is new or worse than on %s (%zu known)", against,
                       gate->item_count);
    }
    return out;
}

const char *seep_gate_against(const struct seep_gate *gate, char *out)
{
    char program_name[SEEP_RUN_CUT_MAX];
    char branch_name[SEEP_RUN_CUT_MAX];
    const char *program = seep_run_text_cut(gate->run->program, program_name);
    const char *against = seep_run_text_cut(gate->against, branch_name);
    const struct seep_history_runs *history = gate->history;
    char from[SEEP_RUN_TIME_MAX];
    char to[SEEP_RUN_TIME_MAX];
    char oldest[SEEP_RUN_COMMIT_MAX];
    char newest[SEEP_RUN_COMMIT_MAX];

    if (gate->is_empty) {
        (void)snprintf(out, SEEP_GATE_SENTENCE_MAX, "no other run of %s on %s", program,
                       against);
        return out;
    }
    (void)seep_run_text_time(history->runs[0].started_ns, from);
    (void)seep_run_text_time(history->runs[history->count - 1].started_ns, to);
    (void)seep_run_text_commit(&history->runs[0], oldest);
    (void)seep_run_text_commit(&history->runs[history->count - 1], newest);
    if (history->count == 1) {
        (void)snprintf(out, SEEP_GATE_SENTENCE_MAX,
                       "1 run of %s on %s: %s UTC, commit %s, run %.8s", program, against,
                       from, oldest, history->runs[0].id);
    } else {
        (void)snprintf(out, SEEP_GATE_SENTENCE_MAX,
                       "%zu runs of %s on %s, %s to %s UTC, commits %s to %s",
                       history->count, program, against, from, to, oldest, newest);
    }
    return out;
}

static const char *measured(const struct seep_gate_item *item, double value, char *out)
{
    return seep_measure_text(value, item->finding->kind, item->basis, item->finding->unit,
                             out);
}

static void put_comparison(const struct seep_gate_item *item, char *out)
{
    char value[SEEP_MEASURE_TEXT_MAX];
    char bound[SEEP_MEASURE_TEXT_MAX];
    char typical[SEEP_MEASURE_TEXT_MAX];

    if (item->bound.used == 0) {
        (void)snprintf(out, SEEP_GATE_SENTENCE_MAX,
                       "there before, but its growth was not measured: not compared");
        return;
    }
    (void)measured(item, item->value, value);
    (void)measured(item, item->bound.bound, bound);
    (void)measured(item, item->bound.typical, typical);
    if (item->bound.by_hand) {
        (void)snprintf(out, SEEP_GATE_SENTENCE_MAX,
                       "%s; up to %s is let through (1.5 times what was there: %zu %s, "
                       "too few for statistics; from 3 on)",
                       value, bound, item->bound.used,
                       item->bound.used == 1 ? "run" : "runs");
    } else {
        (void)snprintf(out, SEEP_GATE_SENTENCE_MAX,
                       "%s; up to %s was to be expected of %zu runs with %s", value,
                       bound, item->bound.used, typical);
    }
}

static void put_before(const struct seep_gate *gate, const struct seep_gate_item *item,
                       char *out, size_t out_bytes)
{
    char when[SEEP_RUN_TIME_MAX];
    char commit[SEEP_RUN_COMMIT_MAX];

    if (item->seen == 0) {
        out[0] = '\0';
        return;
    }
    (void)snprintf(out, out_bytes,
                   "; there in %zu of %zu runs, since commit %s (%s UTC), last as %s%s",
                   item->seen, gate->history->count,
                   seep_run_text_commit(item->first, commit),
                   seep_run_text_time(item->first->started_ns, when),
                   seep_verdict_name(item->was->verdict),
                   item->by_name ? "; under another id, matched by kind, function and "
                                   "subsystem: "
                                 : "");
    if (item->by_name) {
        size_t at = strlen(out);

        (void)snprintf(out + at, out_bytes - at, "%.12s", item->was->id);
    }
}

const char *seep_gate_reason(const struct seep_gate *gate,
                             const struct seep_gate_item *item, char *out)
{
    char before[SEEP_GATE_SENTENCE_MAX];
    char value[SEEP_MEASURE_TEXT_MAX];
    size_t at = 0;

    if (item->seen == 0) {
        (void)snprintf(out, SEEP_GATE_SENTENCE_MAX,
                       item->bounded
                           ? "%s; was bounded in the history's runs and now is not"
                           : "%s; in none of the history's runs",
                       measured(item, item->value, value));
        return out;
    }
    put_comparison(item, out);
    put_before(gate, item, before, sizeof(before));
    at = strlen(out);
    (void)snprintf(out + at, SEEP_GATE_SENTENCE_MAX - at, "%s", before);
    return out;
}

static void put_item(const struct seep_gate *gate, const struct seep_gate_item *item,
                     const struct seep_layout *layout)
{
    const struct seep_history_finding *finding = item->finding;
    char text[SEEP_GATE_SENTENCE_MAX];
    char name[SEEP_RUN_CUT_MAX];
    char place[SEEP_RUN_CUT_MAX];

    seep_buf_printf(layout->out, "  ");
    seep_layout_cell(layout,
                     item->judgement == SEEP_GATE_KNOWN ? SEEP_INK_DIM : SEEP_INK_RED,
                     seep_gate_word(item->judgement), 8);
    (void)snprintf(text, sizeof(text), "%s %s  %s%s%s%s  [%.12s]",
                   seep_verdict_name(finding->verdict), seep_kind_name(finding->kind),
                   seep_run_text_cut(finding->headline, name),
                   finding->place[0] != '\0' ? " (" : "",
                   seep_run_text_cut(finding->place, place),
                   finding->place[0] != '\0' ? ")" : "", finding->id);
    seep_layout_wrap(layout, SEEP_INK_BOLD, text, 10, 10);
    seep_buf_printf(layout->out, "          ");
    seep_layout_wrap(layout, SEEP_INK_PLAIN, finding->summary, 10, 10);
    seep_buf_printf(layout->out, "          ");
    seep_layout_wrap(layout, SEEP_INK_PLAIN, seep_gate_reason(gate, item, text), 10, 10);
}

static void put_gone(const struct seep_gate *gate, const struct seep_layout *layout)
{
    for (size_t i = 0; i < gate->gone_count; i++) {
        const struct seep_history_finding *past = gate->gone[i];
        char text[SEEP_GATE_SENTENCE_MAX];
        char name[SEEP_RUN_CUT_MAX];

        seep_buf_printf(layout->out, "  ");
        seep_layout_cell(layout, SEEP_INK_GREEN, "GONE", 8);
        (void)snprintf(text, sizeof(text), "%s %s  %s  [%.12s]",
                       seep_verdict_name(past->verdict), seep_kind_name(past->kind),
                       seep_run_text_cut(past->headline, name), past->id);
        seep_layout_wrap(layout, SEEP_INK_PLAIN, text, 10, 10);
    }
}

void seep_gate_text(const struct seep_gate *gate, const struct seep_layout *layout)
{
    char text[SEEP_GATE_SENTENCE_MAX];

    seep_layout_put(layout, gate->fails ? SEEP_INK_RED : SEEP_INK_GREEN,
                    gate->fails ? "FAIL" : "PASS");
    seep_buf_printf(layout->out, "  ");
    seep_layout_put(layout, SEEP_INK_BOLD, gate->file);
    seep_buf_printf(layout->out, ": ");
    seep_layout_put(layout, SEEP_INK_PLAIN, seep_gate_sentence(gate, text));
    seep_buf_printf(layout->out, "\n  ");
    seep_layout_cell(layout, SEEP_INK_DIM, "against", 8);
    seep_layout_wrap(layout, SEEP_INK_PLAIN, seep_gate_against(gate, text), 10, 10);
    if (gate->run->inconclusive[0] != '\0') {
        seep_buf_printf(layout->out, "  ");
        seep_layout_cell(layout, SEEP_INK_YELLOW, "note", 8);
        (void)snprintf(text, sizeof(text), "growth was not judged: %.600s",
                       gate->run->inconclusive);
        seep_layout_wrap(layout, SEEP_INK_PLAIN, text, 10, 10);
    }
    for (size_t i = 0; i < gate->item_count; i++) {
        put_item(gate, &gate->items[i], layout);
    }
    put_gone(gate, layout);
    if (gate->below > 0) {
        seep_buf_printf(layout->out, "  ");
        seep_layout_cell(layout, SEEP_INK_DIM, "note", 8);
        (void)snprintf(text, sizeof(text),
                       "%zu more that are suspect or bounded are not compared (seep "
                       "report shows them)",
                       gate->below);
        seep_layout_wrap(layout, SEEP_INK_DIM, text, 10, 10);
    }
}
