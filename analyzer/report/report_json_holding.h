/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_JSON_HOLDING_H
#define SEEP_ANALYZER_REPORT_REPORT_JSON_HOLDING_H

#include <jansson.h>

#include "verdict/findings.h"

/* Descriptors, timers and mappings in the JSON report. Each returns a new value, owned by
 * the caller; null for a kind that was not recorded. */
json_t *seep_report_json_held(const struct seep_findings *findings, enum seep_kind kind);
json_t *seep_report_json_subsystem_held(const struct seep_findings *findings,
                                        const struct seep_view_subsystem *subsystem,
                                        enum seep_kind kind);
/* The newest look at what was open. */
json_t *seep_report_json_descriptors(const struct seep_findings *findings);
json_t *seep_report_json_targets(const struct seep_view_targets *targets);

#endif
