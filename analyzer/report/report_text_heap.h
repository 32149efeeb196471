/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_TEXT_HEAP_H
#define SEEP_ANALYZER_REPORT_REPORT_TEXT_HEAP_H

#include "report/text_layout.h"
#include "verdict/findings.h"

/* What sampling leaves open, and who held the heap at its highest, as labelled lines;
 * nothing where there is nothing to say. label: columns of the label. */
void seep_report_text_sampling(const struct seep_layout *layout,
                               const struct seep_findings *findings, size_t label);
void seep_report_text_peak_holders(const struct seep_layout *layout,
                                   const struct seep_findings *findings, size_t label);

/* " ± 3 MiB", or "" for an exact value. Returns: out; 40 bytes are enough. */
const char *seep_report_text_error(const struct seep_layout *layout, char *out,
                                   size_t out_bytes, double error_bytes);

#endif
