/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_NAMESAKE_H
#define SEEP_ANALYZER_VERDICT_NAMESAKE_H

#include "verdict/finding_list.h"

/* Findings above bounded whose sentences would name the same function, line and
 * subsystem say by which caller they differ. Their summaries are made already.
 * Returns: 0; -ENOMEM. Cost: O(findings x log findings x frames). */
int seep_namesakes_tell(struct seep_analysis *analysis);

#endif
