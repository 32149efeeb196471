/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_THREAD_H
#define SEEP_ANALYZER_REPORT_REPORT_THREAD_H

#include <jansson.h>

#include "report/text_layout.h"
#include "verdict/findings.h"

/* Threads that no wrapped function made, behind a label of `label` columns; nothing when
 * there were none. */
void seep_report_text_unwrapped(const struct seep_layout *layout,
                                const struct seep_findings *findings, size_t label);

/* New values, owned by the caller; NULL when memory is out. */
json_t *seep_report_json_unwrapped(const struct seep_view_unwrapped *unwrapped);
json_t *seep_report_json_lifetimes(const struct seep_view_lifetimes *lifetimes);

#endif
