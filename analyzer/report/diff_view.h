/* The forms in which `seep diff` is written.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_REPORT_DIFF_VIEW_H
#define SEEP_ANALYZER_REPORT_DIFF_VIEW_H

#include "base/buf.h"
#include "verdict/changes.h"

struct seep_diff_view {
    const struct seep_diff *diff; /* borrowed, as all of these */
    const char *paths[2];         /* BASE, NEW */
    const struct seep_findings *findings[2];
};

/* "2 new, 0 worse, ...; 1 as before, 0 not told apart". Appends one line without its end.
 */
void seep_diff_view_put_verdict(const struct seep_diff_view *view, struct seep_buf *out);
/* Both runs were long enough to be judged. */
bool seep_diff_view_is_conclusive(const struct seep_diff_view *view);
/* "12 KiB/h", "3.5/h", "?"; returns out. */
enum { SEEP_DIFF_RATE_BYTES = 64 };
const char *seep_diff_view_rate(char *out, const struct seep_diff_entry *entry,
                                double per_s);
/* How sure in per cent, without the pretence of 100. */
double seep_diff_view_percent(double confidence);

/* Each appends the whole text. Returns: 0; -ENOMEM. Same input, same bytes.
 * Thread-safety: any thread on its own buffer. Markdown: the text as a comment of a merge
 * request. HTML: one page that needs nothing else; of findings with their profile. SARIF:
 * results with a baselineState. JUnit: a test per kind, which fails by what is new or
 * worse. */
int seep_diff_view_text(const struct seep_diff_view *view, struct seep_buf *out);
int seep_diff_view_markdown(const struct seep_diff_view *view, struct seep_buf *out);
int seep_diff_view_json(const struct seep_diff_view *view, struct seep_buf *out);
int seep_diff_view_html(const struct seep_diff_view *view, struct seep_buf *out);
int seep_diff_view_sarif(const struct seep_diff_view *view, struct seep_buf *out);
int seep_diff_view_junit(const struct seep_diff_view *view, struct seep_buf *out);

#endif
