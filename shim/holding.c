/* Which descriptors and timers are held, and by which sites.
 *
 * Descriptors: one slot per number, as the kernel has it. Timers: hashed by id; a slot
 * lies within a window behind its home, which look-ups read whole, so that a slot can be
 * freed without moving others. Both without locks: a slot's site is the word that counts,
 * and it changes by exchange alone (H1). A map of our own beside the segment was
 * rejected: what the collector reads is then a copy, wrong at the moment of death.
 *
 * H3: such a child has called vfork on its parent's stack, which is wrapped, or clone
 * with a stack of its own. Only then is getpid asked: twice 80 ns for a descriptor that
 * is opened and closed, of a server that does so for each request.
 *
 * I1: a timer's slot is its owner's from the change of `flags` from FREE until it is set
 * FREE again; for a slot that is taken, that is whoever took its site.
 *
 * SPDX-License-Identifier: MIT
 */
#include "holding.h"

#include <fcntl.h>

#include "arch.h"
#include "counters.h"
#include "segment_map.h"
#include "site.h"

enum { FREE = 0, OWNED = 1, TIMER_WINDOW = 64, STANDARD_STREAMS = 3 };
_Static_assert((SEEP_TIMERS_MAX & (SEEP_TIMERS_MAX - 1)) == 0, "hashed by its bits");

/* H3. Whether the segment is about this process. A handler that comes between the note
 * and the system call is below it, and the child, too: it goes when the thread has
 * returned from where it was. */
static bool is_own(const struct seep_self *self)
{
    uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
    bool on_own_stack = sp >= self->stack_low && sp < self->stack_high;

    if (__builtin_expect(seep_guard_vfork_sp == 0 && on_own_stack, 1)) {
        return true;
    }
    if (seep_segment_header()->pid != (uint32_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0)) {
        return false;
    }
    if (on_own_stack && sp > seep_guard_vfork_sp) {
        seep_guard_vfork_sp = 0;
    }
    return true;
}

/* The calling thread's self when the table in the segment is about its process. `fresh`:
 * whether a process without a segment is to make one. */
static struct seep_self *self_of_holder(bool fresh)
{
    struct seep_self *self = NULL;

    if (!fresh && seep_guard_epoch() < SEEP_EPOCH_FIRST) {
        return NULL;
    }
    self = seep_guard_self();
    return self != NULL && is_own(self) ? self : NULL;
}

/* The site of an acquisition; 0 when it cannot be recorded, or when this is the child of
 * a handler that forked meanwhile and the segment its parent's. */
static uint32_t site_of(struct seep_self *self, enum seep_kind kind, uintptr_t sp,
                        uintptr_t fp)
{
    uint32_t epoch = self->epoch;
    uint32_t site = seep_site_here(self, kind, sp, fp);

    return seep_guard_epoch() == epoch ? site : 0;
}

static void count_release(const struct seep_self *self, uint32_t site)
{
    if (site != 0) {
        seep_counters_release(self, site, 0);
    }
}

static uint32_t take_site(struct seep_holding *slot)
{
    return atomic_load_explicit(&slot->site, memory_order_relaxed) != 0
               ? atomic_exchange_explicit(&slot->site, 0, memory_order_acq_rel)
               : 0;
}

/* Makes the slot hold the site: fields first, the site last. */
static void put(const struct seep_self *self, struct seep_holding *slot, uint64_t id,
                uint32_t site)
{
    count_release(self, take_site(slot));
    __atomic_store_n(&slot->id, id, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->acquired_ns, seep_segment_now_ns(), __ATOMIC_RELAXED);
    count_release(self,
                  atomic_exchange_explicit(&slot->site, site, memory_order_acq_rel));
    seep_counters_acquire(self, site, 0);
}

static void raise_to(_Atomic uint32_t *count, uint32_t at_least)
{
    uint32_t now = atomic_load_explicit(count, memory_order_relaxed);

    while (now < at_least &&
           !atomic_compare_exchange_weak_explicit(
               count, &now, at_least, memory_order_release, memory_order_relaxed)) {
    }
}

static void acquire(struct seep_self *self, int fd, uintptr_t sp, uintptr_t fp)
{
    uint32_t site = 0;

    if (self == NULL) {
        return;
    }
    if (fd >= SEEP_FDS_MAX) {
        seep_segment_lose(SEEP_LOSS_HOLDINGS_FULL);
        return;
    }
    site = site_of(self, SEEP_KIND_FD, sp, fp);
    if (site != 0) {
        raise_to(&seep_segment_header()->fd_count, (uint32_t)fd + 1);
        put(self, &seep_segment_fds()[fd], (uint64_t)fd, site);
    }
}

void seep_holding_fd_acquire(int fd, uintptr_t sp, uintptr_t fp)
{
    if (fd >= 0) {
        acquire(self_of_holder(true), fd, sp, fp);
    }
}

void seep_holding_fd_replace(int fd, uintptr_t sp, uintptr_t fp)
{
    if (fd >= 0) {
        acquire(self_of_holder(fd >= STANDARD_STREAMS), fd, sp, fp);
    }
}

void seep_holding_fd_adopt(int fd, uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = fd >= 0 ? self_of_holder(true) : NULL;

    if (self != NULL &&
        (fd >= SEEP_FDS_MAX ||
         atomic_load_explicit(&seep_segment_fds()[fd].site, memory_order_relaxed) == 0)) {
        acquire(self, fd, sp, fp);
    }
}

struct seep_holding_taken seep_holding_fd_take(int fd)
{
    struct seep_holding_taken taken = {0};
    struct seep_self *self = fd >= 0 && fd < SEEP_FDS_MAX ? self_of_holder(false) : NULL;

    if (self != NULL) {
        taken.self = self;
        taken.slot = (uint32_t)fd;
        taken.site = take_site(&seep_segment_fds()[fd]);
    }
    return taken;
}

void seep_holding_fd_settle(const struct seep_holding_taken *taken)
{
    if (taken->site != 0) {
        count_release(taken->self, taken->site);
    }
}

void seep_holding_fd_settle_or_restore(void *argument)
{
    const struct seep_holding_taken *taken = argument;
    uint32_t expected = 0;

    if (taken->site == 0) {
        return;
    }
    if (seep_arch_syscall3(SYS_fcntl, taken->slot, F_GETFD, 0) < 0 ||
        !atomic_compare_exchange_strong_explicit(
            &seep_segment_fds()[taken->slot].site, &expected, taken->site,
            memory_order_acq_rel, memory_order_relaxed)) {
        count_release(taken->self, taken->site);
    }
}

void seep_holding_fd_release_range(unsigned first, unsigned last)
{
    struct seep_self *self = self_of_holder(false);
    uint32_t count = 0;

    if (self == NULL) {
        return;
    }
    count = atomic_load_explicit(&seep_segment_header()->fd_count, memory_order_acquire);
    for (uint32_t fd = first; fd < count && fd <= last; fd++) {
        count_release(self, take_site(&seep_segment_fds()[fd]));
    }
}

/* The timer's slot number `step` places behind its home. Source of the multiplier: Knuth,
 * TAOCP 3, 6.4 (golden ratio). */
static uint32_t timer_slot(uint64_t id, uint32_t step)
{
    return ((uint32_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) + step) % SEEP_TIMERS_MAX;
}

static bool own(struct seep_holding *slot)
{
    uint32_t expected = FREE;

    return __atomic_compare_exchange_n(&slot->flags, &expected, OWNED, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void disown(struct seep_holding *slot)
{
    __atomic_store_n(&slot->flags, FREE, __ATOMIC_RELEASE);
}

/* Whether the slot holds this timer. */
static bool holds(struct seep_holding *slot, uint64_t id)
{
    return atomic_load_explicit(&slot->site, memory_order_acquire) != 0 &&
           __atomic_load_n(&slot->id, __ATOMIC_RELAXED) == id;
}

void seep_holding_timer_acquire(uint64_t id, uintptr_t sp, uintptr_t fp)
{
    struct seep_self *self = self_of_holder(true);
    uint32_t site = 0;

    if (self == NULL) {
        return;
    }
    struct seep_holding_taken old = seep_holding_timer_take(id); /* deleted past us */

    seep_holding_timer_settle(&old);
    site = site_of(self, SEEP_KIND_TIMER, sp, fp);
    for (uint32_t step = 0; site != 0 && step < TIMER_WINDOW; step++) {
        uint32_t number = timer_slot(id, step);
        struct seep_holding *slot = &seep_segment_timers()[number];

        if (own(slot)) {
            raise_to(&seep_segment_header()->timer_count, number + 1);
            put(self, slot, id, site);
            return;
        }
    }
    if (site != 0) {
        seep_segment_lose(SEEP_LOSS_HOLDINGS_FULL);
    }
}

struct seep_holding_taken seep_holding_timer_take(uint64_t id)
{
    struct seep_holding_taken taken = {.self = self_of_holder(false)};

    for (uint32_t step = 0; taken.self != NULL && step < TIMER_WINDOW; step++) {
        uint32_t number = timer_slot(id, step);
        struct seep_holding *slot = &seep_segment_timers()[number];

        if (holds(slot, id)) {
            taken.slot = number;
            taken.site = take_site(slot);
            break;
        }
    }
    return taken;
}

void seep_holding_timer_settle(const struct seep_holding_taken *taken)
{
    if (taken->site != 0) {
        disown(&seep_segment_timers()[taken->slot]);
        count_release(taken->self, taken->site);
    }
}

void seep_holding_timer_restore(const struct seep_holding_taken *taken)
{
    if (taken->site != 0) {
        atomic_store_explicit(&seep_segment_timers()[taken->slot].site, taken->site,
                              memory_order_release);
    }
}
