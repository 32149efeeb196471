/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_STACK_VIEW_H
#define SEEP_ANALYZER_VERDICT_STACK_VIEW_H

#include <stdint.h>

#include "load/recording.h"
#include "load/symbol.h"
#include "verdict/findings.h"

/* Fills the finding's stack, stack_end, headline and (from kind, functions and modules)
 * id. Frames of libseep.so are left out. The headline is the first function that is not
 * the runtime's and not an allocation wrapper; where that is a system library's, the
 * program's own caller is named too.
 *
 * findings:    owner of the memory.
 * symbolizer:  borrowed. site: id, in range.
 * Returns: 0; -ENOMEM. Cost: O(frames).
 */
int seep_stack_view_fill(struct seep_findings *findings,
                         const struct seep_recording *recording,
                         struct seep_symbolizer *symbolizer, uint32_t site,
                         struct seep_finding *finding);

/* Hash of a finding's identity; `ordinal` tells findings with the same functions apart.
 * Source: FNV-1a, 64 bits, draft-eastlake-fnv-17. */
void seep_stack_view_id(struct seep_finding *finding, unsigned ordinal);

#endif
