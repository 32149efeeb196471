/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_RECORD_H
#define SEEP_SHIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "birth.h"
#include "counters.h"
#include "guard.h"
#include "live.h"
#include "peak.h"
#include "sample.h"
#include "seep/kinds.h"
#include "seep/live_entry.h"
#include "site.h"

/* Acquisitions and releases of resources that have an address. */

/* What the live table held for an address: enough to put it back. */
struct seep_taken {
    uint64_t entry; /* 0 = nothing was recorded there */
    uint64_t bytes;
};

/* Records an acquisition: stack, counters, live entry. Keeps errno.
 *
 * address:  of the resource; size_bytes: as requested.
 * sp, fp:   of the wrapped function at entry.
 */
static inline void seep_record_acquire(struct seep_self *self, enum seep_kind kind,
                                       const void *address, size_t size_bytes,
                                       uintptr_t sp, uintptr_t fp);

/* Whether the live table holds something at this address. */
bool seep_record_is_live(const void *address);

/* Clears the address's entry *before* the real release, after which the address may be
 * another thread's. */
static inline struct seep_taken seep_record_take(const void *address);
/* The real release failed: the entry is back as it was. */
void seep_record_restore(const void *address, struct seep_taken taken);
/* The real release is done: it counts. */
static inline void seep_record_settle(struct seep_self *self, struct seep_taken taken);

/* The rare halves of take (a large block, sampled mode) and settle (sampled mode). */
uint64_t seep_record_take_rest(uint64_t *entry, uintptr_t address, uint64_t bytes);
void seep_record_settle_weighed(struct seep_self *self, struct seep_taken taken);

static inline __attribute__((always_inline)) struct seep_taken
seep_record_take(const void *address)
{
    uint64_t *entry = NULL;
    struct seep_taken taken = {0};

    if (seep_sample_is_unknown((uintptr_t)address)) {
        return taken;
    }
    entry = seep_live_find((uintptr_t)address);
    if (entry == NULL) {
        return taken;
    }
    taken.entry = __atomic_load_n(entry, __ATOMIC_RELAXED);
    if (__builtin_expect(seep_live_site(taken.entry) == 0, 0)) {
        taken.entry = 0;
        return taken;
    }
    taken.bytes = seep_live_size24(taken.entry);
    __atomic_store_n(entry, 0, __ATOMIC_RELAXED);
    if (__builtin_expect(taken.bytes == SEEP_LIVE_LARGE || seep_sample_is_on(), 0)) {
        taken.bytes = seep_record_take_rest(entry, (uintptr_t)address, taken.bytes);
    }
    return taken;
}

static inline __attribute__((always_inline)) void
seep_record_settle(struct seep_self *self, struct seep_taken taken)
{
    if (taken.entry == 0) {
        return;
    }
    if (seep_sample_is_on()) {
        seep_record_settle_weighed(self, taken);
        return;
    }
    seep_counters_release(self, seep_live_site(taken.entry), taken.bytes);
    seep_peak_fall(self, taken.bytes);
}

/* A large block's size lies in the entry of its next granule, which is its own (S4). */
static inline void seep_record_put(uint64_t *entry, uint32_t site, uint64_t bytes,
                                   uint16_t birth)
{
    uint32_t size24 = (uint32_t)bytes;

    if (__builtin_expect(bytes >= SEEP_LIVE_LARGE, 0)) {
        __atomic_store_n(entry + 1, bytes, __ATOMIC_RELAXED);
        size24 = SEEP_LIVE_LARGE;
    }
    __atomic_store_n(entry, seep_live_pack(site, size24, birth), __ATOMIC_RELAXED);
}

/* The rest of it: what is recorded for certain. */
void seep_record_acquire_taken(struct seep_self *self, enum seep_kind kind,
                               const void *address, size_t size_bytes, uintptr_t sp,
                               uintptr_t fp);

static inline void seep_record_acquire(struct seep_self *self, enum seep_kind kind,
                                       const void *address, size_t size_bytes,
                                       uintptr_t sp, uintptr_t fp)
{
    if (seep_sample_is_on() && !seep_sample_take(self, size_bytes)) {
        self->sample_passed = (uintptr_t)address;
    } else {
        seep_record_acquire_taken(self, kind, address, size_bytes, sp, fp);
    }
}

#endif
