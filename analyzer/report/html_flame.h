/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_HTML_FLAME_H
#define SEEP_ANALYZER_REPORT_HTML_FLAME_H

#include "base/buf.h"
#include "report/site_value.h"
#include "verdict/findings.h"

/* What one flame graph shows. */
struct seep_html_flame {
    const char *title; /* borrowed; of ours, needs no escape */
    enum seep_kind kind;
    enum seep_site_value value;
    /* Borrowed; NULL: boxes have the colours of their modules. Else those of the
     * difference to this run's values, `against_name` in words. */
    const struct seep_findings *against;
    const char *against_name;
};

/* All stacks of findings->profile as a flame graph, outermost functions above; its widest
 * frames, and how many were left out. Nothing when no value is positive.
 *
 * Returns: 0; -ENOMEM. Thread-safety: any thread on its own buffer. Same input, same
 * bytes. Cost: O(frames log frames). */
int seep_html_flame_put(struct seep_buf *out, const struct seep_findings *findings,
                        const struct seep_html_flame *flame);

#endif
