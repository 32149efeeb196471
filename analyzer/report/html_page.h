/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_HTML_PAGE_H
#define SEEP_ANALYZER_REPORT_HTML_PAGE_H

#include "base/buf.h"
#include "verdict/findings.h"

/* What is around every page of ours: head with policy, style, script.
 * Thread-safety of all: any thread on its own buffer. */

/* Up to the title's text, which the caller puts. */
void seep_html_page_begin(struct seep_buf *out);
/* From the title's end up to the body's first element. */
void seep_html_page_body(struct seep_buf *out);
/* The script, and the end of it all. */
void seep_html_page_end(struct seep_buf *out);

/* The command line of a run, else its program; escaped. */
void seep_html_page_put_command(struct seep_buf *out,
                                const struct seep_findings *findings);

#endif
