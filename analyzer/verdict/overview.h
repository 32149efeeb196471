/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_OVERVIEW_H
#define SEEP_ANALYZER_VERDICT_OVERVIEW_H

#include "verdict/finding_list.h"

/* Fills what the report says before its findings: program, recording, totals, subsystems,
 * children, notes. Returns: 0; -ENOMEM. Cost: O(sites x snapshots). */
int seep_overview_fill(struct seep_analysis *analysis);

/* "exited 0", "signalled 9 (SIGKILL)", "still running" ... Thread-safety: pure, text in
 * findings. */
const char *seep_overview_ending(struct seep_findings *findings, uint32_t kind,
                                 uint32_t status);

#endif
