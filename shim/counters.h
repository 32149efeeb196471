/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_COUNTERS_H
#define SEEP_SHIM_COUNTERS_H

#include <stdint.h>

#include "arch.h"
#include "guard.h"

/* Cumulative counters of one site in the calling thread's shard (segment.h, S3). The
 * shard is the thread's own, then plain single-instruction adds do; or shared by many,
 * then relaxed atomic adds. The collector sums without order. */
static inline void seep_counters_add(const struct seep_self *self, uint64_t *counter,
                                     uint64_t amount)
{
    if (__builtin_expect(self->shared, 0)) {
        (void)__atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
    } else {
        seep_arch_add_own(counter, amount);
    }
}

/* Of a shard that is the thread's own: the number and the bytes. */
static inline void seep_counters_add_own(uint64_t *number, uint64_t *number_bytes,
                                         uint64_t bytes)
{
    seep_arch_add_own(number, 1);
    seep_arch_add_own(number_bytes, bytes);
}

/* Of any, by one look at whose it is. */
static inline void seep_counters_add_both(const struct seep_self *self, uint64_t *number,
                                          uint64_t *number_bytes, uint64_t bytes)
{
    if (__builtin_expect(self->shared, 0)) {
        (void)__atomic_fetch_add(number, 1, __ATOMIC_RELAXED);
        (void)__atomic_fetch_add(number_bytes, bytes, __ATOMIC_RELAXED);
    } else {
        seep_counters_add_own(number, number_bytes, bytes);
    }
}

static inline void seep_counters_acquire(const struct seep_self *self, uint32_t site,
                                         uint64_t bytes)
{
    struct seep_counters *at = &self->counters[site];

    seep_counters_add_both(self, &at->acquired, &at->acquired_bytes, bytes);
}

static inline void seep_counters_release(const struct seep_self *self, uint32_t site,
                                         uint64_t bytes)
{
    struct seep_counters *at = &self->counters[site];

    seep_counters_add_both(self, &at->released, &at->released_bytes, bytes);
}

#endif
