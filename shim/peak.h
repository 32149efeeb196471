/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_PEAK_H
#define SEEP_SHIM_PEAK_H

#include <stdbool.h>
#include <stdint.h>

#include "arch.h"
#include "guard.h"

/* The high-water mark of live heap bytes.
 *
 * K1: live bytes of the process = sum known to all + each thread's own difference; the
 * difference of a thread stays within half its peak_span_bytes, a 256th of the mark
 * divided by the threads that there have been at once. So the mark is short of the truth
 * by less than half a per cent, or by a few KiB where it is small.
 */

/* Forgets what a process before knew. Attach state. */
void seep_peak_reset(void);

/* The thread's difference, from zero on. Owner thread, before its first event. */
void seep_peak_start(struct seep_self *self);

/* Brings the thread's difference to the sum. Owner thread; async-signal-safe. */
void seep_peak_flush(struct seep_self *self);

/* Events of a self that several threads may share. */
void seep_peak_add_shared(struct seep_self *self, int64_t bytes);

/* Live heap bytes of the calling thread's doing rise, fall. Owner thread;
 * async-signal-safe: one instruction adds. `own`: of a self that no other thread shares.
 */
static inline void seep_peak_rise_own(struct seep_self *self, uint64_t bytes)
{
    if (__builtin_expect(seep_arch_take_own(&self->peak_room_bytes, bytes), 0)) {
        seep_peak_flush(self);
    }
}
/* Returns: whether seep_peak_flush is due. */
static inline bool seep_peak_falls_own(struct seep_self *self, uint64_t bytes)
{
    seep_arch_add_own(&self->peak_room_bytes, bytes);
    return __builtin_expect(self->peak_room_bytes > self->peak_span_bytes, 0);
}

static inline void seep_peak_rise(struct seep_self *self, uint64_t bytes)
{
    if (__builtin_expect(self->shared, 0)) {
        seep_peak_add_shared(self, (int64_t)bytes);
    } else {
        seep_peak_rise_own(self, bytes);
    }
}
static inline void seep_peak_fall(struct seep_self *self, uint64_t bytes)
{
    if (__builtin_expect(self->shared, 0)) {
        seep_peak_add_shared(self, -(int64_t)bytes);
    } else if (seep_peak_falls_own(self, bytes)) {
        seep_peak_flush(self);
    }
}

#endif
