/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_UNWIND_CHECK_H
#define SEEP_SHIM_UNWIND_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "guard.h"

/* The checking mode: every Nth recorded stack of a thread is also unwound by libunwind,
 * and the two are compared frame by frame. For verifying Seep itself; slow. */

/* 0, or N once libunwind is there. Written once, before threads. */
extern uint32_t seep_check_every;

/* Whether the calling thread is inside libunwind now: what it allocates is not the
 * host's. */
bool seep_unwind_check_busy(void);

/* Reads SEEP_OPTIONS check=N and tells the header of a fresh segment. Not
 * async-signal-safe. */
void seep_unwind_check_attach(struct seep_segment_header *header);

/* Loads libunwind when the mode is on; without it the header says so. Once, from the
 * library's constructor: it may allocate and takes the loader's lock. */
void seep_unwind_check_start(void);

/* Compares the stack of a recorded site, when it is this one's turn.
 *
 * sp:  at the wrapped function's entry, in whose call this is.
 * site:  as seep_site_here gave it; 0 is passed over.
 * Counts in the segment's header: checked, check_differences, check_prefixes; keeps the
 * first difference as text. Thread-safety: owner thread, inside the recording (nest is
 * raised). Blocks the thread's signals meanwhile. Keeps errno.
 * Cost: about 3 us per frame. It takes the lock of dl_iterate_phdr: a host that
 * allocates under a lock which a callback of its own dl_iterate_phdr takes, may hang.
 */
void seep_unwind_check(struct seep_self *self, uintptr_t sp, uint32_t site);

#endif
