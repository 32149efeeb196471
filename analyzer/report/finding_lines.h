/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_FINDING_LINES_H
#define SEEP_ANALYZER_REPORT_FINDING_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "verdict/findings.h"

enum { SEEP_FINDING_LINES_MAX = 9, SEEP_FINDING_LINE_BYTES = 512 };

struct seep_finding_line {
    const char *label;                  /* "live", "growth", "evidence" ... */
    char text[SEEP_FINDING_LINE_BYTES]; /* for people; cut at its end */
};

/* What is known of a finding besides its summary and its stack.
 *
 * utf8:    whether text may hold more than ASCII.
 * lines:   out, borrowed; room for SEEP_FINDING_LINES_MAX.
 * Returns: lines written. Thread-safety: pure. Allocates: no.
 */
size_t seep_finding_lines(const struct seep_finding *finding, bool utf8,
                          struct seep_finding_line *lines);

/* Until when the process lives if all that was found goes on: which limit comes first,
 * and when, by the findings on it together; or that memory grows and no limit is known.
 *
 * text:    out, borrowed; SEEP_FINDING_LINE_BYTES. "" when nothing runs into a limit.
 * Thread-safety: pure. Allocates: no. */
void seep_finding_lines_until(const struct seep_findings *findings, char *text);

/* "growth", "unjoined", "left at exit". Thread-safety: pure. */
const char *seep_finding_lines_cause(enum seep_cause cause);
/* Whether bytes say anything of findings of this kind. Thread-safety: pure. */
bool seep_finding_lines_has_bytes(const struct seep_finding *finding);

#endif
