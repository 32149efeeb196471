/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_BIRTH_H
#define SEEP_SHIM_BIRTH_H

#include <stdint.h>
#include <time.h>

#include "guard.h"
#include "seep/live_entry.h"

/* The birth time of a live entry, now. Encoded anew only when the kernel's coarse clock
 * has moved on, every few milliseconds. */

/* The kernel's own clock function in the process, which the C library's only wraps. */
typedef int seep_clock_function(clockid_t, struct timespec *);
extern seep_clock_function *seep_birth_clock __attribute__((visibility("hidden")));

/* Looks it up. Once, while the process starts. */
void seep_birth_start(void);

/* The slow half of seep_birth_now. */
uint16_t seep_birth_encode_at(struct seep_self *self, const struct timespec *now);

/* Returns: as seep_birth_encode of the time since the segment's start. Owner thread;
 * async-signal-safe; keeps errno. */
static inline uint16_t seep_birth_now(struct seep_self *self)
{
    struct timespec now;

    (void)seep_birth_clock(CLOCK_MONOTONIC_COARSE, &now);
    if (__builtin_expect(now.tv_nsec == self->birth_nsec && now.tv_sec == self->birth_sec,
                         1)) {
        return self->birth;
    }
    return seep_birth_encode_at(self, &now);
}

#endif
