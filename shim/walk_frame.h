/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_WALK_FRAME_H
#define SEEP_SHIM_WALK_FRAME_H

#include <stdint.h>

/* A frame as a walk gives it: the rule's key (return address, or interrupted pc + 1), and
 * whether it is the latter. */
#define SEEP_FRAME_EXACT  (UINT64_C(1) << 63)
#define SEEP_FRAME_KEY(f) ((uintptr_t)((f) & ~SEEP_FRAME_EXACT))

/* Where it is: the return address, or the interrupted instruction's own. */
static inline uintptr_t seep_frame_place(uint64_t frame)
{
    return SEEP_FRAME_KEY(frame) - ((frame & SEEP_FRAME_EXACT) != 0);
}

#endif
