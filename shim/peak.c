/* The high-water mark of live heap bytes, near exact.
 *
 * Design: threads add up by themselves and bring what they have to the sum when it has
 * become a matter; the sum's highest value stands in the segment's header. When it has
 * risen by 1 % (or 64 KiB, where it is small) since the last call, the collector is woken
 * through a futex in the header: the host holds no descriptor for it, and a call that
 * nobody waits for is one short system call. The calls are few by themselves: from 1 MiB
 * to 1 GiB there are about 650.
 *
 * An atomic sum that each event goes to was rejected: all threads would meet in one cache
 * line at each malloc.
 *
 * SPDX-License-Identifier: MIT
 */
#include "peak.h"

#include <limits.h>
#include <linux/futex.h>

#include "segment_map.h"

enum {
    SPAN_PARTS = 128, /* of the mark, for both directions: 1/256 each */
    SPAN_MIN_BYTES = 1 << 10,
    SPAN_MIN_SHARED_BYTES = 8 << 10, /* with several threads the sum is dearer */
    SPAN_MAX_BYTES = 128 << 10,
    CALL_PARTS = 100, /* called at each new 1 % */
    CALL_MIN_BYTES = 64 << 10
};

static struct {
    _Alignas(64) _Atomic int64_t live_bytes; /* by all threads */
    _Atomic int64_t call_at_bytes;           /* the collector is called from here on */
} sum;

void seep_peak_reset(void)
{
    atomic_store_explicit(&sum.live_bytes, 0, memory_order_relaxed);
    atomic_store_explicit(&sum.call_at_bytes, CALL_MIN_BYTES, memory_order_relaxed);
}

static uint64_t span_of(const struct seep_segment_header *header)
{
    uint64_t peak = atomic_load_explicit(&header->heap_peak_bytes, memory_order_relaxed);
    uint32_t threads = atomic_load_explicit(&header->thread_count, memory_order_relaxed);
    uint64_t least = threads > 2 ? SPAN_MIN_SHARED_BYTES : SPAN_MIN_BYTES; /* slot 0 */
    uint64_t span = peak / SPAN_PARTS / (threads > 1 ? threads - 1 : 1);

    return span < least ? least : span > SPAN_MAX_BYTES ? SPAN_MAX_BYTES : span;
}

/* Calls the collector, once for each rise that matters. */
static void call(struct seep_segment_header *header, int64_t now, int64_t at)
{
    int64_t rise = now / CALL_PARTS > CALL_MIN_BYTES ? now / CALL_PARTS : CALL_MIN_BYTES;

    if (atomic_compare_exchange_strong_explicit(&sum.call_at_bytes, &at, now + rise,
                                                memory_order_relaxed,
                                                memory_order_relaxed)) {
        atomic_fetch_add_explicit(&header->peak_wanted, 1, memory_order_release);
        (void)seep_arch_syscall4(SYS_futex, &header->peak_wanted, FUTEX_WAKE, INT_MAX, 0);
    }
}

static void add_to_sum(int64_t bytes)
{
    struct seep_segment_header *header = seep_segment_header();
    int64_t now =
        atomic_fetch_add_explicit(&sum.live_bytes, bytes, memory_order_relaxed) + bytes;
    int64_t at = 0;
    uint64_t peak = 0;

    if (bytes <= 0 || now <= 0) {
        return;
    }
    peak = atomic_load_explicit(&header->heap_peak_bytes, memory_order_relaxed);
    while ((uint64_t)now > peak && !atomic_compare_exchange_weak_explicit(
                                       &header->heap_peak_bytes, &peak, (uint64_t)now,
                                       memory_order_relaxed, memory_order_relaxed)) {
    }
    at = atomic_load_explicit(&sum.call_at_bytes, memory_order_relaxed);
    if (now >= at) {
        call(header, now, at);
    }
}

void seep_peak_start(struct seep_self *self)
{
    self->peak_span_bytes = SPAN_MIN_BYTES;
    self->peak_room_bytes = SPAN_MIN_BYTES / 2;
}

/* A handler that comes in the middle changes the room and leaves the rest to us. */
void seep_peak_flush(struct seep_self *self)
{
    uint64_t next = span_of(seep_segment_header());

    do {
        uint64_t span =
            __atomic_exchange_n(&self->peak_span_bytes, UINT64_MAX, __ATOMIC_RELAXED);
        int64_t bytes = 0;

        if (span == UINT64_MAX) {
            return;
        }
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        bytes = (int64_t)(span / 2 -
                          __atomic_load_n(&self->peak_room_bytes, __ATOMIC_RELAXED));
        seep_arch_add_own(&self->peak_room_bytes, next / 2 - span / 2 + (uint64_t)bytes);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        __atomic_store_n(&self->peak_span_bytes, next, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        add_to_sum(bytes); /* here, since a handler may leave the system call in it */
    } while (__atomic_load_n(&self->peak_room_bytes, __ATOMIC_RELAXED) > next);
}

void seep_peak_add_shared(struct seep_self *self, int64_t bytes)
{
    if (self->peak_span_bytes == 0) { /* of dying threads: no difference of its own */
        add_to_sum(bytes);
        return;
    }
    seep_arch_add_own(&self->peak_room_bytes, -(uint64_t)bytes);
    if (self->peak_room_bytes > self->peak_span_bytes) {
        seep_peak_flush(self);
    }
}
