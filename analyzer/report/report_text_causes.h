/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_TEXT_CAUSES_H
#define SEEP_ANALYZER_REPORT_REPORT_TEXT_CAUSES_H

#include <stddef.h>

#include "report/text_layout.h"
#include "verdict/findings.h"

/* ": 5 findings, likely 2 causes". n: how many of the list, from its begin. text: out.
 * Thread-safety: pure. */
void seep_report_text_count(const struct seep_findings *findings, size_t n, char *text,
                            size_t size);

/* The first finding of each of the first three causes, in a sentence, and what goes with
 * it by name and number. Cost: O(n^2) for those of one cause. */
void seep_report_text_causes(const struct seep_layout *layout,
                             const struct seep_findings *findings, size_t n);

#endif
