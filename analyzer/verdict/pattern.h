/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_PATTERN_H
#define SEEP_ANALYZER_VERDICT_PATTERN_H

#include "verdict/finding_list.h"

/* The series of one finding, at every snapshot of the recording. All borrowed. */
struct seep_pattern_series {
    const double *live, *live_bytes;
    const double *acquired, *released; /* cumulative, resources */
    uint32_t site;                     /* 0: a sum of several */
};

/* Names the pattern of a growth finding and what it keeps pace with. The finding's
 * evidence is filled already.
 *
 * series:  of the finding; analysis->series.t_s gives the times.
 * Returns: 0; -ENOMEM. Cost: O(snapshots x units + scans).
 */
int seep_pattern_fill(struct seep_analysis *analysis,
                      const struct seep_pattern_series *series,
                      struct seep_finding *finding);

/* The same for the site whose series analysis->series holds (seep_finding_add leaves it
 * there). */
int seep_pattern_fill_site(struct seep_analysis *analysis, struct seep_finding *finding);

#endif
