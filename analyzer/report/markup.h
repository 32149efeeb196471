/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_MARKUP_H
#define SEEP_ANALYZER_REPORT_MARKUP_H

#include "base/buf.h"

/* Text of unknown origin as text inside Markdown (GitHub, GitLab) and HTML alike: also in
 * a cell of a table and in <summary>. It stays on its line, opens no tag, ends no cell,
 * and mentions, links to and refers to nobody.
 *
 * text: borrowed, valid UTF-8. Thread-safety: any thread on its own buffer.
 */
void seep_markup_put_text(struct seep_buf *out, const char *text);
/* The same inside <code> or <pre>, where references are not looked for: what can be
 * copied from there is the name itself. */
void seep_markup_put_code(struct seep_buf *out, const char *text);

#endif
