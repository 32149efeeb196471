/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_TEXT_FINDINGS_H
#define SEEP_ANALYZER_REPORT_REPORT_TEXT_FINDINGS_H

#include "report/text_layout.h"
#include "verdict/findings.h"

/* Writes one numbered finding: what, its numbers, its curve, its stack, its threads. */
void seep_report_text_finding(const struct seep_layout *layout,
                              const struct seep_finding *finding, size_t number);

/* Writes the innermost functions of the program itself in a line, "a < b < c"; nothing
 * when there are none. */
void seep_report_text_callers(const struct seep_layout *layout,
                              const struct seep_finding *finding);

/* Writes what was left at exit in one line: size, number, whose. */
void seep_report_text_left(const struct seep_layout *layout,
                           const struct seep_finding *finding);

/* The ink of a verdict. */
enum seep_ink seep_report_text_ink(enum seep_verdict verdict);

#endif
