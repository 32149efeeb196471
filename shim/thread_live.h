/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_THREAD_LIVE_H
#define SEEP_SHIM_THREAD_LIVE_H

#include <stdint.h>

#include "guard.h"

/* Threads that are there now, asked from inside: for programs that ask through seep.h,
 * and for the process on its way out. Only threads that a wrapped function made, and
 * never the one that asks. */

/* Waits until none runs any more, at most for grace_ns; 0 only looks. Returns: how many
 * still run. async-signal-safe. */
uint32_t seep_thread_live_settle(struct seep_self *self, uint64_t grace_ns);

#endif
