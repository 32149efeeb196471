/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_UNWIND_SLOW_H
#define SEEP_SHIM_UNWIND_SLOW_H

#include <stdint.h>

#include "guard.h"

/* Walks the calling thread's stack by whole call frame information, with all registers:
 * for stacks that hold a frame which the compact rules cannot express, or that cross from
 * one stack to another. To be called below the wrapped function, whose registers it finds
 * by unwinding itself.
 *
 * sp:  at the wrapped function's entry.
 * frames, count:  out, as of seep_unwind_walk. Untouched when our own frames cannot be
 * unwound up to sp.
 * otherwise:  what to return then: how the other walk ended.
 * Returns: how the stack ends, as seep_unwind_walk.
 * Thread-safety: owner thread; async-signal-safe; takes no lock. Allocates: no; about
 * 2 KiB of stack. Never faults on a wild pointer.
 * Cost: about 0.2 us per frame.
 */
uint32_t seep_unwind_slow(const struct seep_self *self, uintptr_t sp, uint64_t *frames,
                          uint32_t *count, uint32_t otherwise);

#endif
