/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_TEXT_STACK_H
#define SEEP_ANALYZER_REPORT_TEXT_STACK_H

#include <stddef.h>

#include "report/text_layout.h"
#include "verdict/finding.h"

struct seep_text_stack {
    const struct seep_view_frame *frames; /* borrowed; innermost first */
    size_t count;
    const char *end; /* why it is not whole; "" when it is */
    unsigned indent;
    size_t shown_most; /* of a longer one the two ends are shown */
};

/* Writes a stack, one frame a line. */
void seep_text_stack(const struct seep_layout *layout,
                     const struct seep_text_stack *stack);

#endif
