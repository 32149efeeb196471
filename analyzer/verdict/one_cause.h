/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_ONE_CAUSE_H
#define SEEP_ANALYZER_VERDICT_ONE_CAUSE_H

#include "verdict/finding_list.h"

enum { SEEP_ONE_CAUSE_FINDINGS_MAX = 64 }; /* compared; the first of the list */

/* Puts findings that grow in step with a worse one, below the same call, directly behind
 * it, sets their `with` and `with_caller`, and says it in their summary. Of any kinds: a
 * request that is forgotten with its thread, its socket and its memory is one problem.
 *
 * analysis: findings->findings is the final list; analysis->series is lost.
 * Returns: 0; -ENOMEM. Thread-safety: owner thread of the symbolizer. Cost: O(findings^2
 * x snapshots), for SEEP_ONE_CAUSE_FINDINGS_MAX of them at most.
 */
int seep_one_cause_tell(struct seep_analysis *analysis);

#endif
