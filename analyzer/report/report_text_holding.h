/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_TEXT_HOLDING_H
#define SEEP_ANALYZER_REPORT_REPORT_TEXT_HOLDING_H

#include "report/text_layout.h"
#include "verdict/findings.h"

/* What was open when it was last looked at, and where it came from: up to four lines
 * behind a label of `label` columns. Nothing when nobody looked. */
void seep_report_text_descriptors(const struct seep_layout *layout,
                                  const struct seep_findings *findings, size_t label);

/* What the descriptors of a finding are open on, `indent` columns in, behind a label of
 * ten. */
void seep_report_text_targets(const struct seep_layout *layout,
                              const struct seep_view_targets *targets, size_t indent);

#endif
