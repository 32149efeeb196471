/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_HOLDING_VIEW_H
#define SEEP_ANALYZER_VERDICT_HOLDING_VIEW_H

#include "verdict/finding_list.h"

/* Fills what the whole run says of descriptors, timers and mappings: live and peak of
 * each kind, and the newest look at what was open.
 *
 * Returns: 0; -ENOMEM. Cost: O(sites x snapshots). The analysis' series is lost.
 */
int seep_holding_view_fill(struct seep_analysis *analysis);

/* The same of one subsystem, into its row. Returns: whether it has sites of these kinds.
 */
bool seep_holding_view_subsystem(struct seep_analysis *analysis, uint32_t subsystem,
                                 bool judged, struct seep_view_subsystem *out);

#endif
