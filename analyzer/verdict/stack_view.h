/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_STACK_VIEW_H
#define SEEP_ANALYZER_VERDICT_STACK_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "load/recording.h"
#include "load/symbol.h"
#include "verdict/findings.h"

/* Fills the finding's stack, stack_end, headline (headline.h) and, from kind, functions
 * and modules, its id. Frames of libseep.so are left out.
 *
 * findings:    owner of the memory.
 * symbolizer:  borrowed. site: id, in range.
 * Returns: 0; -ENOMEM. Cost: O(frames).
 */
int seep_stack_view_fill(struct seep_findings *findings,
                         const struct seep_recording *recording,
                         struct seep_symbolizer *symbolizer, uint32_t site,
                         struct seep_finding *finding);

/* Where the stack of several sites begins: the `kept` outer frames of node `inner`, which
 * lies below `caller`, then the caller's and all beyond. inner: 0 for none. */
struct seep_stack_top {
    uint32_t caller, inner;
    size_t kept;
};
/* The same for a caller of several sites. */
int seep_stack_view_fill_top(struct seep_findings *findings,
                             const struct seep_recording *recording,
                             struct seep_symbolizer *symbolizer,
                             const struct seep_stack_top *top,
                             struct seep_finding *finding);

/* Views of one node's frames, innermost first, without libseep.so's.
 *
 * frames:  out, borrowed; room for `capacity`, 1 to 64.
 * Returns: frames written; 0 for a frame of libseep.so.
 */
size_t seep_stack_view_node(struct seep_findings *findings,
                            struct seep_symbolizer *symbolizer, uint32_t node,
                            struct seep_view_frame *frames, size_t capacity);

/* The same for a place that a look from outside found. */
size_t seep_stack_view_place(struct seep_findings *findings,
                             struct seep_symbolizer *symbolizer,
                             const struct seep_rec_probe_frame *place,
                             struct seep_view_frame *frames, size_t capacity);

/* Whether a module is the C or C++ runtime, the loader, or our own library, by its path.
 * Thread-safety: pure. */
bool seep_stack_view_is_runtime(const char *path);

/* Hash of a finding's identity; `ordinal` tells findings with the same functions apart.
 * Source: FNV-1a, 64 bits, draft-eastlake-fnv-17. */
void seep_stack_view_id(struct seep_finding *finding, unsigned ordinal);

#endif
