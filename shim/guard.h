/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_GUARD_H
#define SEEP_SHIM_GUARD_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch.h"
#include "node_tree.h"
#include "seep/segment.h"
#include "stack_last.h"
#include "stackmemo.h"

enum {
    SEEP_SELF_LEVELS = 4 /* the thread itself, and signal handlers one in another */
};

/* What one thread keeps to record its events: private memory, mapped when the thread
 * first allocates.
 *
 * G1: only its thread touches it; a signal handler on that thread sees nest > 0 and keeps
 * to frames[nest]. G2: memo, nodes and last are caches: they may be dropped at any
 * time at nest 0 (seep_guard_drop_caches). G3: `fast` is what the guard's words have to
 * be for an event to take the short way, which asks nothing else: the segment is this
 * one, no library was closed since, no recording is under way on this thread, every
 * event is recorded. While one is under way on the short way it is
 * SEEP_SELF_BUSY, in one store, so that a handler sees all of that or nothing; else
 * SEEP_SELF_SLOW.
 */
#define SEEP_SELF_SLOW       UINT64_MAX
#define SEEP_SELF_BUSY       (UINT64_MAX - 1)
#define SEEP_SELF_SP_UNKNOWN UINTPTR_MAX
struct seep_self {
    /* What the short way needs, on two cache lines with the beginning of `memo`. */
    uint64_t fast;                  /* G3 */
    uint32_t epoch;                 /* of the segment that the fields below belong to */
    uint32_t unload_generation;     /* of the libraries that the caches are about */
    struct seep_counters *counters; /* the shard */
    uint64_t birth_tick;            /* for which `birth` is right (birth.h) */
    uint16_t birth;
    bool shared;              /* the shard is shared: atomic adds */
    uint32_t subsystem;       /* current, as set through seep.h */
    uint64_t peak_room_bytes; /* half the span - what the sum does not know of yet */
    uint64_t peak_span_bytes; /* of the room (peak.h); 0: none of its own */
    uintptr_t level_sp[SEEP_SELF_LEVELS]; /* where each recording under way began, or
                                             SEEP_SELF_SP_UNKNOWN */
    struct seep_memo memo;

    uint32_t nest;  /* recordings under way on this thread, the handler's included, but
                       for one on the short way */
    uint32_t index; /* in the pool of selves */
    uint32_t slot;  /* in the thread table; 0 = none */
    uint32_t shard; /* counters written to */
    uint32_t destructor_rounds; /* of the thread's end seen so far */
    uint32_t cache_epoch;       /* of the segment that the caches are about */
    uintptr_t sample_passed;    /* address of the last block that held no point */
    int64_t sample_left_bytes;  /* sampled mode: to the next point (sample.h) */
    uint64_t sample_random;     /* what the next distance is drawn from */
    uintptr_t stack_low,
        stack_high; /* own stack; bytes in [sp, high) are readable when sp is inside */
    struct seep_node_cache nodes;
    struct seep_last last;
    struct seep_last_step steps[SEEP_STACK_MAX_FRAMES]; /* scratch of seep_last_take */
    uint64_t frames[SEEP_SELF_LEVELS + 1]
                   [SEEP_STACK_MAX_FRAMES]; /* the last: for asking
                                              whether it is nested */
};
static_assert(offsetof(struct seep_self, memo.slots_mask) < 2 * SEEP_CACHE_LINE_BYTES,
              "two lines");

/* What every event asks first, in a page of its own that the kernel wipes in a forked
 * child, however the child was made. Two halves that are read by one load. Written by
 * life.c. */
enum { SEEP_GUARD_PAGE_BYTES = 4096 };
struct seep_guard_words {
    _Alignas(SEEP_GUARD_PAGE_BYTES) _Atomic uint32_t epoch; /* whether this process
                                           records: below, or the segment's epoch */
    _Atomic uint32_t unloads; /* raised whenever a library was closed: rules and stacks
                                 cached before are void */
};
/* States of `epoch`. */
enum {
    SEEP_EPOCH_NONE = 0,
    SEEP_EPOCH_ATTACHING = 1,
    SEEP_EPOCH_OFF = 2,
    SEEP_EPOCH_FIRST = 16
};

extern struct seep_guard_words seep_guard_words __attribute__((visibility("hidden")));
extern __thread struct seep_self *seep_guard_tls
    __attribute__((tls_model("initial-exec")));

static inline uint32_t seep_guard_epoch(void)
{
    return atomic_load_explicit(&seep_guard_words.epoch, memory_order_relaxed);
}

static inline uint32_t seep_guard_unloads(void)
{
    return atomic_load_explicit(&seep_guard_words.unloads, memory_order_acquire);
}

/* Both halves: the epoch is the lower one. */
static inline uint64_t seep_guard_both(void)
{
    typedef uint64_t __attribute__((may_alias)) both;

    return __atomic_load_n((const both *)&seep_guard_words, __ATOMIC_ACQUIRE);
}

/* Whether both are still what they were. */
static inline bool seep_guard_is(uint64_t both)
{
    typedef uint64_t __attribute__((may_alias)) word;

    return seep_arch_is((const word *)&seep_guard_words, both);
}

/* Where the thread has called vfork or clone since it last knew its process; 0: nowhere
 * (holding.c). */
extern __thread uintptr_t seep_guard_vfork_sp __attribute__((tls_model("initial-exec")));

/* The slow half of seep_guard_self: attaches a fresh process, makes a thread's self, or
 * returns NULL. */
struct seep_self *seep_guard_self_slow(void);

/* The calling thread's self, or NULL when nothing is to be recorded. Keeps errno.
 * async-signal-safe. */
static inline __attribute__((always_inline)) struct seep_self *seep_guard_self(void)
{
    struct seep_self *self = seep_guard_tls;
    uint32_t epoch = seep_guard_epoch();

    if (__builtin_expect(self != NULL && self->epoch == epoch, 1)) {
        return self;
    }
    return epoch == SEEP_EPOCH_OFF ? NULL : seep_guard_self_slow();
}

/* Makes the calling thread's self for a thread slot taken by its creator. Returns: it, or
 * NULL as above. */
struct seep_self *seep_guard_adopt(uint32_t slot);

/* Forgets what the thread knows about code and stacks. Owner thread, at nest 0. */
static inline void seep_guard_drop_caches(struct seep_self *self)
{
    self->last.count = 0;
    seep_node_forget(&self->nodes);
    seep_memo_forget(&self->memo);
}

/* Recordings under way on the thread. */
static inline uint32_t seep_guard_levels(const struct seep_self *self)
{
    return self->nest + (self->fast == SEEP_SELF_BUSY);
}

/* What `fast` is to be while no recording is under way on the thread. */
uint64_t seep_guard_fast(const struct seep_self *self);

/* Gives the calling thread's self back at its end; later events go to a shared one,
 * without stacks. */
void seep_guard_release(struct seep_self *self);

#endif
