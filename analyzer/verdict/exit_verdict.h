/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_EXIT_VERDICT_H
#define SEEP_ANALYZER_VERDICT_EXIT_VERDICT_H

#include "verdict/finding_list.h"

enum { SEEP_LEFT_AT_EXIT_MAX = 5 };

/* What heap was still live at a normal exit: counts all of it into the findings, and adds
 * the largest sites that have no finding yet, as `bounded`: most programs leave their
 * memory to the kernel on purpose, so it never fails a run.
 *
 * Call after all other findings. Returns: 0; -ENOMEM.
 */
int seep_exit_findings_add(struct seep_analysis *analysis);

#endif
