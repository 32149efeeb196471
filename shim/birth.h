/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_BIRTH_H
#define SEEP_SHIM_BIRTH_H

#include <stdint.h>
#include <time.h>

#include "guard.h"
#include "seep/live_entry.h"
#include "segment_map.h"

/* The birth time of a live entry, now. The clock is asked when the collector's tick has
 * changed since; always, while the collector gives none. */
#define SEEP_BIRTH_NO_TICK UINT64_MAX /* of a self: the next block asks the clock */

/* The kernel's own clock function in the process, which the C library's only wraps. */
typedef int seep_clock_function(clockid_t, struct timespec *);
extern seep_clock_function *seep_birth_clock __attribute__((visibility("hidden")));

/* Looks it up. Once, while the process starts. */
void seep_birth_start(void);

/* The slow half of seep_birth_now. */
uint16_t seep_birth_by_clock(struct seep_self *self, uint64_t tick);

/* Returns: as seep_birth_encode of the time since the segment's start, at most a tick
 * ago. Owner thread; async-signal-safe; keeps errno. */
static inline uint16_t seep_birth_now(struct seep_self *self)
{
    uint64_t tick =
        atomic_load_explicit(&seep_segment_tick()->tick, memory_order_relaxed);

    return __builtin_expect(tick == self->birth_tick, 1)
               ? self->birth
               : seep_birth_by_clock(self, tick);
}

#endif
