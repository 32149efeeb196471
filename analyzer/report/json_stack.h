/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_JSON_STACK_H
#define SEEP_ANALYZER_REPORT_JSON_STACK_H

#include <jansson.h>
#include <stddef.h>

#include "verdict/finding.h"

/* An array of frames, innermost first, as in every report. Owned by the caller; NULL when
 * memory is out. */
json_t *seep_json_stack(const struct seep_view_frame *frames, size_t count);

#endif
