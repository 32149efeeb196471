/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_PAST_VERDICT_H
#define SEEP_ANALYZER_VERDICT_PAST_VERDICT_H

#include "verdict/finding_list.h"

/* Adds a finding when descriptors grow that no wrapper saw: what the kernel counts beyond
 * what the shim recorded. It has no stack, but it says what they are open on; never more
 * than suspect, since nothing is known of when each was opened or closed.
 *
 * Call after the other growth findings. Returns: 0; -ENOMEM.
 */
int seep_past_findings_add(struct seep_analysis *analysis);

#endif
