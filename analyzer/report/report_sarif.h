/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_SARIF_H
#define SEEP_ANALYZER_REPORT_REPORT_SARIF_H

#include <stddef.h>

#include "base/buf.h"
#include "verdict/findings.h"

/* One result. All borrowed. */
struct seep_sarif_item {
    const struct seep_finding *finding;
    const char
        *baseline_state; /* of all items of a log or of none (NULL): section 3.27.24 */
    const char *change;  /* with that: in our own words */
    double confidence;   /* with that: 0 to 1 */
};

/* A whole log with one run: that of `findings`. Appends to out.
 * Returns: 0; -ENOMEM. Thread-safety: any thread on its own buffer. Same input, same
 * bytes. */
int seep_sarif_put(struct seep_buf *out, const struct seep_findings *findings,
                   const struct seep_sarif_item *items, size_t count);

#endif
