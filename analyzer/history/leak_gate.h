/* One run against the history of a branch.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_HISTORY_LEAK_GATE_H
#define SEEP_ANALYZER_HISTORY_LEAK_GATE_H

#include <stdbool.h>
#include <stddef.h>

#include "history/gate_rule.h"
#include "history/history_measure.h"
#include "history/history_run.h"

enum seep_gate_judgement {
    SEEP_GATE_NEW = 1,   /* in no run of the history: fails */
    SEEP_GATE_WORSE = 2, /* grows faster than the bound, or was bounded: fails */
    SEEP_GATE_KNOWN = 3
};

struct seep_gate_item {
    const struct seep_history_finding *finding; /* borrowed */
    enum seep_gate_judgement judgement;
    bool by_name; /* no run has its id: matched by kind, headline and subsystem */
    bool bounded; /* the history knows it as bounded alone */
    size_t seen;  /* runs of the history that have it */
    const struct seep_history_run *first, *last; /* of those; NULL: none */
    const struct seep_history_finding *was;      /* in `last`; NULL: none */
    enum seep_measure_basis basis;
    double value; /* of this run; NAN unknown */
    struct seep_gate_bound bound;
};

struct seep_gate {
    const char *file, *against;              /* borrowed */
    const struct seep_history_run *run;      /* borrowed */
    const struct seep_history_runs *history; /* borrowed; the same program's runs */
    struct seep_gate_item *items;            /* owned; probable or worse, worst first */
    size_t item_count;
    const struct seep_history_finding **gone; /* owned; probable or worse in the newest
                                                 run of the history, not found now */
    size_t gone_count;
    size_t below; /* findings of the run that are less than probable: not judged */
    size_t failures;
    bool is_empty; /* the history has no run: nothing was compared */
    bool fails;
};

/* Judges a run. file, against, run, history: borrowed, must outlive *out.
 * when_empty_fails: whether no history is a failure.
 * out:     owned (seep_gate_fini); untouched on error.
 * Returns: 0; -ENOMEM. Thread-safety: any thread. Cost: O(findings x findings of all
 * runs). */
int seep_gate_judge(const struct seep_history_run *run,
                    const struct seep_history_runs *history, bool when_empty_fails,
                    struct seep_gate *out);
void seep_gate_fini(struct seep_gate *gate);

#endif
