/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_EXIT_VERDICT_H
#define SEEP_ANALYZER_VERDICT_EXIT_VERDICT_H

#include "verdict/finding_list.h"

enum {
    SEEP_LEFT_AT_EXIT_MAX = 5,       /* sites of heap */
    SEEP_LEFT_AT_EXIT_HELD_MAX = 3,  /* sites of descriptors, and of timers */
    SEEP_LEFT_AT_EXIT_HELD_LEAST = 3 /* fewer of one site are a log, a listener, a pipe */
};

/* What heap was still live at a normal exit: counts all of it into the findings, and adds
 * the largest sites that have no finding yet, as `bounded`: most programs leave their
 * memory to the kernel on purpose, so it never fails a run. Descriptors and timers
 * likewise, where several of one site are left. Mappings are not said: nobody unmaps what
 * ends with the process.
 *
 * Call after all other findings. Returns: 0; -ENOMEM.
 */
int seep_exit_findings_add(struct seep_analysis *analysis);

#endif
