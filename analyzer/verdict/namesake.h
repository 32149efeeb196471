/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_NAMESAKE_H
#define SEEP_ANALYZER_VERDICT_NAMESAKE_H

#include "verdict/finding_list.h"

/* Findings above bounded whose sentences would name the same function, line and
 * subsystem say by which caller they differ. Their summaries are made already.
 * Cost: O(findings^2 + findings of one name x frames). */
void seep_namesakes_tell(struct seep_analysis *analysis);

#endif
