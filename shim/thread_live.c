/* Who is there: threads that run, and those that ended and wait to be joined.
 *
 * The table is read while others write it, as the collector reads it, but for one thing:
 * a thread that ended by the system call exit has told nobody. The kernel is asked about
 * each that seems to run, and what it does not know is ended here.
 *
 * Waiting is a row of short sleeps, each longer than the one before: who is about to end
 * does so within a scheduler's turn or two, and nobody could wake us: an ending thread's
 * last steps are the C library's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "thread_live.h"

#include <errno.h>
#include <time.h>

#include "arch.h"
#include "interpose.h"
#include "seep/seep.h"
#include "segment_map.h"
#include "thread_table.h"

enum { FIRST_NAP_NS = 100000, LONGEST_NAP_NS = 20000000, NS_PER_S = 1000000000 };

static_assert((int)SEEP_THREAD_IS_RUNNING == 1 && (int)SEEP_THREAD_IS_UNJOINED == 2,
              "states of seep.h");

/* Whether the slot's thread is another's than the caller's, and ours to tell of; its
 * state. */
static uint32_t state_of(struct seep_self *self, uint32_t slot)
{
    struct seep_thread *thread = &seep_segment_threads()[slot];
    uint32_t generation = atomic_load_explicit(&thread->generation, memory_order_acquire);
    uint32_t state = atomic_load_explicit(&thread->state, memory_order_acquire);
    uint32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);

    if (slot == self->slot || (state & SEEP_THREAD_USED) == 0 ||
        (state & (SEEP_THREAD_FOREIGN | SEEP_THREAD_JOINED)) != 0 || thread->site == 0) {
        return 0;
    }
    if ((state & (SEEP_THREAD_STARTED | SEEP_THREAD_ENDED)) == SEEP_THREAD_STARTED &&
        seep_arch_syscall3(SYS_tgkill, seep_segment_header()->pid, tid, 0) == -ESRCH) {
        seep_thread_table_bury(self, slot, generation);
        state = atomic_load_explicit(&thread->state, memory_order_acquire);
    }
    return state;
}

static bool runs(uint32_t state)
{
    return (state & SEEP_THREAD_USED) != 0 && (state & SEEP_THREAD_ENDED) == 0;
}

static bool waits_to_be_joined(uint32_t state)
{
    return (state & (SEEP_THREAD_ENDED | SEEP_THREAD_DETACHED)) == SEEP_THREAD_ENDED;
}

static uint32_t slots(void)
{
    uint32_t count =
        atomic_load_explicit(&seep_segment_header()->thread_count, memory_order_acquire);

    return count < SEEP_THREADS_MAX ? count : SEEP_THREADS_MAX;
}

static uint32_t running(struct seep_self *self)
{
    uint32_t count = 0;

    for (uint32_t slot = 1; slot < slots(); slot++) {
        count += runs(state_of(self, slot));
    }
    return count;
}

static uint64_t now_ns(void)
{
    return seep_segment_now_exact_ns();
}

uint32_t seep_thread_live_settle(struct seep_self *self, uint64_t grace_ns)
{
    uint64_t began_ns = now_ns();
    struct timespec nap = {.tv_nsec = FIRST_NAP_NS};
    uint32_t left = running(self);

    while (left > 0 && now_ns() - began_ns < grace_ns) {
        (void)seep_arch_syscall4(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &nap, 0);
        nap.tv_nsec = nap.tv_nsec < LONGEST_NAP_NS ? nap.tv_nsec * 2 : nap.tv_nsec;
        left = running(self);
    }
    return left;
}

SEEP_EXPORT int seep_shim_threads_settle(uint64_t grace_ns)
{
    struct seep_self *self = seep_guard_self();

    return self != NULL ? (int)seep_thread_live_settle(self, grace_ns) : -ENODEV;
}

SEEP_EXPORT int
seep_shim_threads_live(int (*visit)(void *arg, const struct seep_live_thread *thread),
                       void *arg)
{
    struct seep_self *self = seep_guard_self();
    uint64_t asked_ns = self != NULL ? now_ns() : 0;
    int count = 0;

    if (self == NULL) {
        return -ENODEV;
    }
    for (uint32_t slot = 1; slot < slots(); slot++) {
        uint32_t state = state_of(self, slot);
        const struct seep_thread *thread = &seep_segment_threads()[slot];
        struct seep_live_thread live = {
            .state = runs(state) ? SEEP_THREAD_IS_RUNNING : SEEP_THREAD_IS_UNJOINED,
            .tid = atomic_load_explicit(&thread->tid, memory_order_relaxed),
            .site = thread->site,
            .is_detached = (state & SEEP_THREAD_DETACHED) != 0,
            .age_ns = asked_ns > thread->created_ns ? asked_ns - thread->created_ns : 0,
            .stack_bytes = thread->stack_bytes,
            .name = thread->name,
            .subsystem = seep_segment_subsystems()[thread->subsystem].name};

        if (state != 0 && (runs(state) || waits_to_be_joined(state))) {
            count++;
            if (visit != NULL && visit(arg, &live) != 0) {
                break;
            }
        }
    }
    return count;
}
