/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_RECORD_FAST_H
#define SEEP_SHIM_RECORD_FAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "birth.h"
#include "counters.h"
#include "guard.h"
#include "live.h"
#include "peak.h"
#include "real.h"
#include "record.h"
#include "sample.h"
#include "seep/live_entry.h"
#include "site.h"

/* The short way of a heap block (guard.h, G3), inlined into the wrappers that are called
 * far more than all others. What is rare is in record.c, out of line. */

/* A stack that is not the likely one: the rest of the short way, on which it has begun.
 */
struct seep_record_block {
    const void *address;
    size_t size_bytes;
};
void seep_record_unlikely(struct seep_self *self, uint64_t fast,
                          struct seep_memo_entry *known, struct seep_record_block block,
                          uintptr_t sp, uintptr_t fp);
/* A block with its site: entry and counters, whatever it and the self are like. */
void seep_record_odd(struct seep_self *self, uint32_t site, const void *address,
                     size_t size_bytes);

/* The same where nothing is odd. In full mode. */
static inline __attribute__((always_inline)) void
seep_record_finish(struct seep_self *self, uint32_t site, const void *address,
                   size_t size_bytes)
{
    uint64_t *entry = seep_live_find((uintptr_t)address);

    if (__builtin_expect(entry == NULL || size_bytes >= SEEP_LIVE_LARGE || self->shared ||
                             seep_live_site(seep_arch_read_to_write(entry)) != 0,
                         0)) {
        seep_record_odd(self, site, address, size_bytes);
        return;
    }
    __atomic_store_n(entry,
                     seep_live_pack(site, (uint32_t)size_bytes, seep_birth_now(self)),
                     __ATOMIC_RELAXED);
    seep_counters_add_own(&self->counters[site].acquired,
                          &self->counters[site].acquired_bytes, size_bytes);
    seep_peak_rise_own(self, size_bytes);
}

/* The short way of a heap block (guard.h, G3), for the wrappers that are called far more
 * than all others; in sampled mode past the blocks that are not recorded. Returns:
 * whether it was taken; if not, nothing was done. */
static inline __attribute__((always_inline)) bool
seep_record_acquire_fast(const void *address, size_t size_bytes, uintptr_t sp,
                         uintptr_t fp)
{
    struct seep_self *self = seep_guard_tls;
    uint64_t fast = seep_guard_both();
    struct seep_memo_entry *known = NULL;
    uint32_t site = 0;

    if (__builtin_expect(self == NULL || self->fast != fast, 0)) {
        if (seep_sample_is_on() && self != NULL && self->epoch == (uint32_t)fast) {
            seep_record_acquire(self, SEEP_KIND_HEAP, address, size_bytes, sp, fp);
            return true;
        }
        return false;
    }
    seep_site_begin(self, sp);
    known = seep_memo_likely(&self->memo, sp, fp, *(const uintptr_t *)sp);
    if (__builtin_expect(!seep_site_is_known(self, known, SEEP_KIND_HEAP), 0)) {
        seep_record_unlikely(self, fast, known,
                             (struct seep_record_block){address, size_bytes}, sp, fp);
        return true;
    }
    site = known->site;
    if (__builtin_expect(seep_site_end(self, fast), 1)) {
        seep_record_finish(self, site, address, size_bytes);
    }
    return true;
}

enum seep_release {
    SEEP_RELEASE_NOT = 0, /* nothing was done: what is there is not an ordinary block */
    SEEP_RELEASE_DONE = 1,
    SEEP_RELEASE_FLUSH = 2 /* done, and the self's seep_peak_flush is due */
};

/* The short way of a heap block's release, before the real one. */
static inline __attribute__((always_inline)) enum seep_release
seep_record_release_fast(const void *address)
{
    struct seep_self *self = seep_guard_tls;
    uint64_t fast = seep_guard_both();
    struct seep_counters *counters = NULL;
    uint64_t *entry = NULL;
    uint64_t was = 0;

    if (__builtin_expect(self == NULL || self->fast != fast, 0)) {
        return seep_sample_is_on() && self != NULL && self->epoch == (uint32_t)fast &&
                       seep_sample_is_unknown((uintptr_t)address) &&
                       !seep_real_is_boot(address)
                   ? SEEP_RELEASE_DONE
                   : SEEP_RELEASE_NOT;
    }
    entry = seep_live_find((uintptr_t)address);
    if (__builtin_expect(entry == NULL, 0)) {
        return SEEP_RELEASE_NOT;
    }
    was = __atomic_load_n(entry, __ATOMIC_RELAXED);
    if (__builtin_expect(
            seep_live_site(was) == 0 || seep_live_size24(was) == SEEP_LIVE_LARGE, 0)) {
        return SEEP_RELEASE_NOT;
    }
    __atomic_store_n(entry, 0, __ATOMIC_RELAXED);
    counters = &self->counters[seep_live_site(was)];
    if (__builtin_expect(self->shared, 0)) {
        seep_counters_release(self, seep_live_site(was), seep_live_size24(was));
        seep_peak_add_shared(self, -(int64_t)seep_live_size24(was));
        return SEEP_RELEASE_DONE;
    }
    seep_counters_add_own(&counters->released, &counters->released_bytes,
                          seep_live_size24(was));
    return seep_peak_falls_own(self, seep_live_size24(was)) ? SEEP_RELEASE_FLUSH
                                                            : SEEP_RELEASE_DONE;
}

#endif
