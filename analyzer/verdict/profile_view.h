/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_PROFILE_VIEW_H
#define SEEP_ANALYZER_VERDICT_PROFILE_VIEW_H

#include "verdict/finding_list.h"

/* Fills analysis->findings->profile with every site that passes the filters.
 *
 * kind: SEEP_KIND_NONE for all. subsystem: borrowed; NULL for all.
 * Returns: 0; -ENOMEM. Cost: O(points + frames of all sites); each address is resolved
 * once.
 */
int seep_profile_view_fill(struct seep_analysis *analysis, enum seep_kind kind,
                           const char *subsystem);

#endif
