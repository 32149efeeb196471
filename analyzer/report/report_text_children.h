/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_TEXT_CHILDREN_H
#define SEEP_ANALYZER_REPORT_REPORT_TEXT_CHILDREN_H

#include "report/text_layout.h"
#include "verdict/findings.h"

/* Writes the children, one line for those that ran the same program; the images that the
 * process itself had before its last exec are said as such. Nothing without children.
 *
 * label: columns of the label at the line's start.
 * Returns: 0; -ENOMEM. */
int seep_report_text_children(const struct seep_layout *layout,
                              const struct seep_findings *findings, int label);

#endif
