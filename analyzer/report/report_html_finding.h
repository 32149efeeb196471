/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_HTML_FINDING_H
#define SEEP_ANALYZER_REPORT_REPORT_HTML_FINDING_H

#include <stddef.h>

#include "base/buf.h"
#include "verdict/findings.h"

/* The first `shown` findings as rows of a table, each a link to its details.
 * Thread-safety: any thread on its own buffer. */
void seep_html_finding_put_table(struct seep_buf *out,
                                 const struct seep_findings *findings, size_t shown);

/* What backs finding `i` (id "fN", N = i + 1), folded up; opened when `open`: chart,
 * evidence, stack, threads, descriptors. */
void seep_html_finding_put_details(struct seep_buf *out,
                                   const struct seep_findings *findings, size_t i,
                                   bool open);

/* Parts of these for pages that compare: the verdict as a word in its colour; the stack
 * as a list, nothing when there is none. */
void seep_html_finding_put_verdict(struct seep_buf *out, enum seep_verdict verdict);
void seep_html_finding_put_stack(struct seep_buf *out, const struct seep_finding *finding,
                                 const char *title);

#endif
