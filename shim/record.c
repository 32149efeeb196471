/* One acquisition, one release.
 *
 * Design: a release takes the entry out before the real call and counts afterwards, since
 * between the two the address may already belong to another thread (the race of heaptrack
 * and memray); a failed realloc puts it back.
 *
 * I1: what is counted as acquired has a live entry, and what is counted as released had
 * one, so that the two always balance; an event that finds no room in the live table is
 * counted as lost instead. I2: a signal handler may fork in the middle; its child must
 * not write to the segment of its parent, which `entry` points into.
 *
 * In sampled mode what is recorded is weighed: seep_taken then carries, above its bytes,
 * the part of the address that the weight at birth came from.
 *
 * SPDX-License-Identifier: MIT
 */
#include "record_fast.h"

#include "seep/live_entry.h"

/* The entry's granule is the last of its leaf: a large block there has no place for its
 * size, and is counted as lost. One address in eight million. */
static bool last_of_leaf(uintptr_t address)
{
    return seep_live_index(address) + 1 == UINT64_C(1)
                                               << (SEEP_LEAF_BITS - seep_live_shift);
}

enum { INDEX_SHIFT = 48 }; /* sizes are below 2^47 */

static uint64_t plain_bytes(uint64_t bytes)
{
    return bytes & ((UINT64_C(1) << INDEX_SHIFT) - 1);
}

/* Adds what a recorded heap block stands for to the counters, or takes it off. */
static void acquire_weighed(struct seep_self *self, uint64_t entry, uint64_t index,
                            uint64_t bytes)
{
    struct seep_sample_weight weight = seep_sample_weight_of(entry, index, bytes);
    struct seep_counters *at = &self->counters[seep_live_site(entry)];

    seep_counters_add(self, &at->acquired, weight.blocks);
    seep_counters_add(self, &at->acquired_bytes, weight.bytes);
    seep_peak_rise(self, weight.bytes);
}

void seep_record_settle_weighed(struct seep_self *self, struct seep_taken taken)
{
    struct seep_sample_weight weight = seep_sample_weight_of(
        taken.entry, taken.bytes >> INDEX_SHIFT, plain_bytes(taken.bytes));
    struct seep_counters *at = &self->counters[seep_live_site(taken.entry)];

    seep_counters_add(self, &at->released, weight.blocks);
    seep_counters_add(self, &at->released_bytes, weight.bytes);
    seep_peak_fall(self, weight.bytes);
}

uint64_t seep_record_take_rest(uint64_t *entry, uintptr_t address, uint64_t bytes)
{
    if (bytes == SEEP_LIVE_LARGE) {
        bytes = __atomic_load_n(entry + 1, __ATOMIC_RELAXED);
        __atomic_store_n(entry + 1, 0, __ATOMIC_RELAXED);
    }
    if (seep_sample_is_on()) {
        bytes |= (uint64_t)seep_live_index(address) << INDEX_SHIFT;
        seep_sample_forget(address);
    }
    return bytes;
}

void seep_record_restore(const void *address, struct seep_taken taken)
{
    uint64_t *entry = taken.entry != 0 ? seep_live_find((uintptr_t)address) : NULL;

    if (entry != NULL) {
        seep_record_put(entry, seep_live_site(taken.entry), plain_bytes(taken.bytes),
                        seep_live_birth(taken.entry));
        if (seep_sample_is_on()) {
            seep_sample_note((uintptr_t)address);
        }
    }
}

bool seep_record_is_live(const void *address)
{
    uint64_t *entry = seep_live_find((uintptr_t)address);

    return entry != NULL && __atomic_load_n(entry, __ATOMIC_RELAXED) != 0;
}

static void weigh(struct seep_self *self, const uint64_t *entry, const void *address,
                  size_t size_bytes)
{
    self->sample_passed = 0;
    seep_sample_note((uintptr_t)address);
    acquire_weighed(self, __atomic_load_n(entry, __ATOMIC_RELAXED),
                    seep_live_index((uintptr_t)address), size_bytes);
}

/* An address whose entry is taken, or which has no place for the size. Returns: false: it
 * is counted as lost. */
static bool makes_way(struct seep_self *self, const uint64_t *entry, const void *address,
                      size_t size_bytes)
{
    if (seep_live_site(__atomic_load_n(entry, __ATOMIC_RELAXED)) != 0) {
        seep_record_settle(self,
                           seep_record_take(address)); /* its release went past us */
    }
    if (size_bytes >= SEEP_LIVE_LARGE && last_of_leaf((uintptr_t)address)) {
        seep_segment_lose(SEEP_LOSS_LIVE_FULL);
        return false; /* I1: not counted as acquired either */
    }
    return true;
}

void seep_record_odd(struct seep_self *self, uint32_t site, const void *address,
                     size_t size_bytes)
{
    uint64_t *entry = seep_live_make((uintptr_t)address);

    if (entry != NULL && makes_way(self, entry, address, size_bytes)) {
        seep_record_put(entry, site, size_bytes, seep_birth_now(self));
        if (seep_sample_is_on()) {
            weigh(self, entry, address, size_bytes);
        } else {
            seep_counters_acquire(self, site, size_bytes);
            seep_peak_rise(self, size_bytes);
        }
    }
}

void seep_record_unlikely(struct seep_self *self, uint64_t fast,
                          struct seep_memo_entry *known, struct seep_record_block block,
                          uintptr_t sp, uintptr_t fp)
{
    uint32_t site = seep_site_cached(self, known, SEEP_KIND_HEAP, sp, fp);

    if (seep_site_end(self, fast) && site != 0) {
        seep_record_finish(self, site, block.address, block.size_bytes);
    }
}

void seep_record_acquire_taken(struct seep_self *self, enum seep_kind kind,
                               const void *address, size_t size_bytes, uintptr_t sp,
                               uintptr_t fp)
{
    uint32_t epoch = self->epoch;
    uint32_t site = seep_site_here(self, kind, sp, fp);

    if (__builtin_expect(site != 0 && seep_guard_epoch() == epoch, 1)) { /* I2 */
        seep_record_odd(self, site, address, size_bytes);
    }
}
