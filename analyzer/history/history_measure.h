/* How fast a finding grows, in a measure that several runs share.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_HISTORY_HISTORY_MEASURE_H
#define SEEP_ANALYZER_HISTORY_HISTORY_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include "history/history_run.h"

/* Runs are of different lengths and under different loads: per unit of work is the best
 * measure, per hour the next, an amount the last. */
enum seep_measure_basis {
    SEEP_MEASURE_AMOUNT = 1, /* live at the end: what was left at exit, who is stuck */
    SEEP_MEASURE_PER_HOUR = 2,
    SEEP_MEASURE_PER_UNIT = 3
};

struct seep_measure {
    double value;     /* bytes or resources, by kind; NAN: not known in this basis */
    double low, high; /* 95 %; NAN: no interval */
};

/* The best basis that the finding has. Thread-safety of all: pure. */
enum seep_measure_basis seep_measure_basis_of(const struct seep_history_finding *finding);
/* The best basis that both have; units of work must be the same. */
enum seep_measure_basis seep_measure_shared(const struct seep_history_finding *a,
                                            const struct seep_history_finding *b);
/* duration_s: of the finding's run. */
struct seep_measure seep_measure_take(const struct seep_history_finding *finding,
                                      double duration_s, enum seep_measure_basis basis);

/* "1.2 MiB per hour", "48 B per http requests", "3.0 threads". unit: of PER_UNIT.
 * Returns: out, always terminated. */
enum { SEEP_MEASURE_TEXT_MAX = 160 };
const char *seep_measure_text(double value, enum seep_kind kind,
                              enum seep_measure_basis basis, const char *unit, char *out);
/* "amount", "per_hour", "per_unit". */
const char *seep_measure_basis_name(enum seep_measure_basis basis);
/* Whether values of this kind are bytes. */
bool seep_measure_is_bytes(enum seep_kind kind);

#endif
