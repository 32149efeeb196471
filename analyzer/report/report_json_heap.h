/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_JSON_HEAP_H
#define SEEP_ANALYZER_REPORT_REPORT_JSON_HEAP_H

#include <jansson.h>

#include "verdict/findings.h"

/* The heap's totals: what is live, its peak and who held it, and the errors of a sampled
 * recording (0 where all was recorded). Owned by the caller; NULL when memory is out. */
json_t *seep_report_json_heap(const struct seep_findings *findings);

#endif
