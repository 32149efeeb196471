/* The forms in which `seep diff` is written.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_CLI_DIFF_VIEW_H
#define SEEP_ANALYZER_CLI_DIFF_VIEW_H

#include "base/buf.h"
#include "diff/diff.h"

struct seep_diff_view {
    const struct seep_diff *diff; /* borrowed, as all of these */
    const char *paths[2];         /* BASE, NEW */
    const struct seep_findings *findings[2];
};

/* Each appends the whole text; out->failed when memory is out. Same input, same bytes.
 * Markdown: the text as a comment of a merge request. */
void seep_diff_view_text(const struct seep_diff_view *view, struct seep_buf *out);
void seep_diff_view_markdown(const struct seep_diff_view *view, struct seep_buf *out);
void seep_diff_view_json(const struct seep_diff_view *view, struct seep_buf *out);

#endif
