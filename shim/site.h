/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_SITE_H
#define SEEP_SHIM_SITE_H

#include <stdint.h>

#include "guard.h"
#include "seep/kinds.h"

/* The site of an acquisition: its whole stack, the thread's subsystem, the kind. This is
 * the interface that any faster way to take stacks keeps.
 *
 * sp, fp:  of the wrapped function at entry, as the stub hands them over.
 * Returns: the site's id; 0 when it could not be recorded (counted).
 * Thread-safety: owner thread; async-signal-safe. Allocates: no. Keeps errno.
 * Cost: O(frames).
 */
uint32_t seep_site_here(struct seep_self *self, enum seep_kind kind, uintptr_t sp,
                        uintptr_t fp);

#endif
