/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_STUCK_VERDICT_H
#define SEEP_ANALYZER_VERDICT_STUCK_VERDICT_H

#include "verdict/finding_list.h"

/* Adds findings on threads that will never run again, or that wait for such a thread
 * (stuck_graph.h). A growth finding on the same creation site becomes one on its cause.
 * Call after the growth findings and before those on threads. Returns: 0; -ENOMEM. */
int seep_stuck_findings_add(struct seep_analysis *analysis);

#endif
