/* What is new and what is worse.
 *
 * A finding is known when a run of the history has it as suspect or worse: that a longer
 * run proves what a shorter one suspected makes no program worse. Whether it is the same
 * is told by its id, which names of functions go into; where no run has the id, by kind,
 * headline and subsystem, which survive a renamed caller. A finding of the history whose
 * id is in this run too is taken by that one and not by a namesake.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/leak_gate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool has_id(const struct seep_history_run *run, const char *id)
{
    for (size_t i = 0; i < run->finding_count; i++) {
        if (strcmp(run->findings[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* "server+0x1021" and "??" name no function: after another build they are another one. */
static bool is_function(const char *headline)
{
    return headline[0] != '\0' && strcmp(headline, "??") != 0 &&
           strstr(headline, "+0x") == NULL;
}

static bool same_name(const struct seep_history_finding *a,
                      const struct seep_history_finding *b)
{
    return a->kind == b->kind && strcmp(a->headline, b->headline) == 0 &&
           strcmp(a->subsystem, b->subsystem) == 0 && is_function(a->headline);
}

static const struct seep_history_finding *
match_by_id(const struct seep_history_run *past, const struct seep_history_finding *now)
{
    for (size_t i = 0; i < past->finding_count; i++) {
        if (strcmp(past->findings[i].id, now->id) == 0) {
            return &past->findings[i];
        }
    }
    return NULL;
}

static const struct seep_history_finding *match(const struct seep_history_run *past,
                                                const struct seep_history_run *run,
                                                const struct seep_history_finding *now,
                                                bool *by_id)
{
    const struct seep_history_finding *same = match_by_id(past, now);

    *by_id = same != NULL;
    for (size_t i = 0; i < past->finding_count && same == NULL; i++) {
        if (same_name(&past->findings[i], now) && !has_id(run, past->findings[i].id)) {
            same = &past->findings[i];
        }
    }
    return same;
}

/* The basis that most of the matches share with the finding. */
static enum seep_measure_basis choose_basis(const struct seep_history_finding *now,
                                            const struct seep_history_finding **matches,
                                            size_t n)
{
    size_t with[SEEP_MEASURE_PER_UNIT + 1] = {0};
    enum seep_measure_basis best = SEEP_MEASURE_PER_UNIT;

    for (size_t i = 0; i < n; i++) {
        if (matches[i] != NULL) {
            with[seep_measure_shared(now, matches[i])]++;
        }
    }
    for (int basis = SEEP_MEASURE_AMOUNT; basis < SEEP_MEASURE_PER_UNIT; basis++) {
        if (with[basis] > with[best]) {
            best = (enum seep_measure_basis)basis;
        }
    }
    return best;
}

static void compare(const struct seep_gate *gate,
                    const struct seep_history_finding **matches, double *values,
                    struct seep_gate_item *item)
{
    const struct seep_history_finding *now = item->finding;
    size_t n = gate->history->count;

    item->basis = choose_basis(now, matches, n);
    item->value = seep_measure_take(now, gate->run->duration_s, item->basis).value;
    for (size_t i = 0; i < n; i++) {
        bool counts =
            matches[i] != NULL && seep_measure_shared(now, matches[i]) >= item->basis;

        values[i] = counts
                        ? seep_measure_take(matches[i], gate->history->runs[i].duration_s,
                                            item->basis)
                              .value
                        : NAN;
    }
    item->bound = seep_gate_rule(values, n);
    item->judgement = item->value > item->bound.bound ? SEEP_GATE_WORSE : SEEP_GATE_KNOWN;
}

static void judge_item(const struct seep_gate *gate,
                       const struct seep_history_finding **matches, double *values,
                       struct seep_gate_item *item)
{
    bool some_by_id = false;
    bool some_bounded = false;

    for (size_t i = 0; i < gate->history->count; i++) {
        bool by_id = false;

        matches[i] = match(&gate->history->runs[i], gate->run, item->finding, &by_id);
        if (matches[i] != NULL && matches[i]->verdict < SEEP_VERDICT_SUSPECT) {
            some_bounded = true;
            matches[i] = NULL;
        }
        if (matches[i] != NULL) {
            some_by_id = some_by_id || by_id;
            item->first = item->first != NULL ? item->first : &gate->history->runs[i];
            item->last = &gate->history->runs[i];
            item->was = matches[i];
            item->seen++;
        }
    }
    item->by_name = item->seen > 0 && !some_by_id;
    if (item->seen > 0) {
        compare(gate, matches, values, item);
        return;
    }
    item->basis = seep_measure_basis_of(item->finding);
    item->value =
        seep_measure_take(item->finding, gate->run->duration_s, item->basis).value;
    item->bound = seep_gate_rule(NULL, 0);
    item->bounded = some_bounded;
    item->judgement = some_bounded ? SEEP_GATE_WORSE : SEEP_GATE_NEW;
}

static void list_gone(struct seep_gate *gate)
{
    const struct seep_history_run *newest =
        &gate->history->runs[gate->history->count - 1];

    for (size_t i = 0; i < newest->finding_count; i++) {
        const struct seep_history_finding *past = &newest->findings[i];
        bool here = past->verdict < SEEP_VERDICT_PROBABLE || has_id(gate->run, past->id);

        for (size_t k = 0; k < gate->run->finding_count && !here; k++) {
            here = same_name(past, &gate->run->findings[k]);
        }
        if (!here) {
            gate->gone[gate->gone_count++] = past;
        }
    }
}

static int judge_all(struct seep_gate *gate)
{
    size_t n = gate->history->count;
    const struct seep_history_finding **matches = calloc(n, sizeof(*matches));
    double *values = calloc(n, sizeof(*values));
    const struct seep_history_run *newest = &gate->history->runs[n - 1];
    int status = -ENOMEM;

    gate->items = calloc(gate->run->finding_count + 1, sizeof(*gate->items));
    gate->gone = calloc(newest->finding_count + 1, sizeof(*gate->gone));
    if (matches != NULL && values != NULL && gate->items != NULL && gate->gone != NULL) {
        status = 0;
    }
    for (size_t i = 0; i < gate->run->finding_count && status == 0; i++) {
        struct seep_gate_item *item = &gate->items[gate->item_count];

        if (gate->run->findings[i].verdict < SEEP_VERDICT_PROBABLE) {
            gate->below++;
            continue;
        }
        item->finding = &gate->run->findings[i];
        judge_item(gate, matches, values, item);
        gate->failures += item->judgement != SEEP_GATE_KNOWN;
        gate->item_count++;
    }
    if (status == 0) {
        list_gone(gate);
    }
    free(values);
    free(matches);
    return status;
}

int seep_gate_judge(const struct seep_history_run *run,
                    const struct seep_history_runs *history, bool when_empty_fails,
                    struct seep_gate *out)
{
    struct seep_gate gate = {
        .run = run, .history = history, .is_empty = history->count == 0};
    int status = gate.is_empty ? 0 : judge_all(&gate);

    if (status < 0) {
        seep_gate_fini(&gate);
        return status;
    }
    gate.fails = gate.is_empty ? when_empty_fails : gate.failures > 0;
    *out = gate;
    return 0;
}

void seep_gate_fini(struct seep_gate *gate)
{
    free(gate->items);
    free(gate->gone);
    *gate = (struct seep_gate){0};
}
