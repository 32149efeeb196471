/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_TEXT_CAUSES_H
#define SEEP_ANALYZER_REPORT_REPORT_TEXT_CAUSES_H

#include <stdbool.h>
#include <stddef.h>

#include "report/text_layout.h"
#include "verdict/findings.h"

/* The run's verdict in a word: "clean", "inconclusive", "SUSPECT", "LEAK"; "STUCK" where
 * nothing leaks but threads that wait for ever. Thread-safety: pure. */
const char *seep_report_text_verdict(const struct seep_findings *findings);

/* What would turn growth that is suspect at most into a verdict, in a sentence. Returns:
 * false, text untouched, where that is not what was found. Thread-safety: pure. */
bool seep_report_text_doubt(const struct seep_findings *findings, char *text,
                            size_t size);

/* ": 5 findings, likely 2 causes". n: how many of the list, from its begin. text: out.
 * Thread-safety: pure. */
void seep_report_text_count(const struct seep_findings *findings, size_t n, char *text,
                            size_t size);

/* The first finding of each of the first three causes, in a sentence, and what goes with
 * it by name and number. Cost: O(n^2) for those of one cause. */
void seep_report_text_causes(const struct seep_layout *layout,
                             const struct seep_findings *findings, size_t n);

#endif
