/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_HISTORY_GATE_RULE_H
#define SEEP_ANALYZER_HISTORY_GATE_RULE_H

#include <stdbool.h>
#include <stddef.h>

/* When is a growth worse than a branch's history says? docs/history.md has the rates of
 * false alarms and of detection (tests/stat/gate_rates.c). */
enum { SEEP_GATE_RUNS_MIN = 3 /* for statistics */ };
static const double SEEP_GATE_TAIL = 0.01;   /* wanted rate of false alarms */
static const double SEEP_GATE_EFFECT = 1.10; /* less than that is never worse */
static const double SEEP_GATE_BY_HAND = 1.5; /* with fewer runs than RUNS_MIN */

struct seep_gate_bound {
    double typical; /* geometric mean of what was there; NAN: nothing comparable */
    double bound;   /* above it is worse; INFINITY: nothing comparable */
    size_t used;    /* values that it rests on */
    bool by_hand;   /* fewer than SEEP_GATE_RUNS_MIN: 1.5 times the largest */
};

/* The bound of the next value. Values that are not finite or not above 0 are left out.
 * Thread-safety: pure. Cost: O(n).
 * Source: the one-sided prediction interval of one further observation, of the
 * logarithms: mean + t(n - 1, 1 - tail) s sqrt(1 + 1/n); Hahn and Meeker 1991, section
 * 4.8. Logarithms because rates vary by factors. */
struct seep_gate_bound seep_gate_rule(const double *values, size_t n);

#endif
