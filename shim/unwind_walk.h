/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_UNWIND_WALK_H
#define SEEP_SHIM_UNWIND_WALK_H

#include <stdint.h>

#include "guard.h"

/* A frame as the walk gives it: the rule's key (return address, or interrupted pc + 1),
 * and whether it is the latter. */
#define SEEP_FRAME_EXACT  (UINT64_C(1) << 63)
#define SEEP_FRAME_KEY(f) ((uintptr_t)((f) & ~SEEP_FRAME_EXACT))

/* Walks the calling thread's stack from a wrapped function's entry to its end.
 *
 * self:    its rule cache is used when `cached`.
 * sp, fp:  stack pointer at entry (the word there is the return address) and frame
 * pointer. frames:  out; room for SEEP_STACK_MAX_FRAMES; innermost first. count:   out;
 * frames written. Returns: how the stack ends: SEEP_NODE_COMPLETE, _DEEP, _NO_RULE,
 * _BAD_FRAME or _UNSUPPORTED. Thread-safety: owner thread; async-signal-safe when not
 * `cached`. Allocates: no. Never faults on a wild pointer.
 */
uint32_t seep_unwind_walk(struct seep_self *self, bool cached, uintptr_t sp, uintptr_t fp,
                          uint64_t *frames, uint32_t *count);

/* The rule for a key, from the thread's cache when `cached`; `scratch` is used otherwise.
 */
const struct seep_rule *seep_unwind_rule(struct seep_self *self, bool cached,
                                         uintptr_t key, struct seep_rule *scratch);

#endif
