/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_TIMELINE_H
#define SEEP_ANALYZER_VERDICT_TIMELINE_H

#include "verdict/finding_list.h"

/* Fills findings->timeline from the snapshots.
 *
 * heap_bytes: borrowed; live bytes of all heap sites at each of analysis->series.n
 *   snapshots.
 * Returns: 0; -ENOMEM. Cost: O(snapshots).
 */
int seep_timeline_fill(struct seep_analysis *analysis, const double *heap_bytes);

#endif
