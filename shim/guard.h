/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_GUARD_H
#define SEEP_SHIM_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seep/segment.h"
#include "unwind_rules.h"

enum {
    SEEP_SELF_RULE_SETS = 512, /* by return address, two in a set (a cache line): with
                                  one, two hot addresses that meet cost a third of all
                                  time in python3 */
    SEEP_SELF_SITES = 256,     /* direct-mapped by (node, subsystem, kind) */
    SEEP_SELF_LEVELS = 4       /* the thread itself, and signal handlers one in another */
};

struct seep_self_site {
    uint32_t node;
    uint16_t subsystem;
    uint16_t kind;
    uint32_t site;
};

/* What one thread keeps to record its events: private memory, mapped when the thread
 * first allocates.
 *
 * G1: only its thread touches it; a signal handler on that thread sees nest > 0 and keeps
 * to frames[nest]. G2: last_*, sites and rules are caches: they may be dropped at any
 * time at nest 0 (seep_guard_drop_caches).
 */
struct seep_self {
    uint32_t epoch;     /* of the segment that the fields below belong to */
    uint32_t index;     /* in the pool of selves */
    uint32_t nest;      /* recordings under way on this thread, the handler's included */
    uint32_t slot;      /* in the thread table; 0 = none */
    uint32_t subsystem; /* current, as set through seep.h */
    uint32_t shard;     /* counters written to */
    uint32_t destructor_rounds;     /* of the thread's end seen so far */
    uint32_t unload_generation;     /* of the libraries that the caches are about */
    uint32_t cache_epoch;           /* of the segment that the caches are about */
    bool shared;                    /* the shard is shared: atomic adds */
    struct seep_counters *counters; /* the shard */
    uintptr_t stack_low,
        stack_high; /* own stack; bytes in [sp, high) are readable when sp is inside */
    uintptr_t level_sp[SEEP_SELF_LEVELS]; /* where each recording under way began */

    uint32_t last_root; /* the stack recorded last, outermost frame first */
    uint32_t last_count;
    uint64_t last_frames[SEEP_STACK_MAX_FRAMES];
    uint32_t last_nodes[SEEP_STACK_MAX_FRAMES];
    struct seep_self_site sites[SEEP_SELF_SITES];
    _Alignas(64) struct seep_rule rules[SEEP_SELF_RULE_SETS][2];
    uint64_t frames[SEEP_SELF_LEVELS + 1]
                   [SEEP_STACK_MAX_FRAMES]; /* the last: for asking
                                              whether it is nested */
};

/* States of the word that says whether this process records; other values are the
 * segment's epoch. It lies in a page that the kernel wipes in a forked child, however the
 * child was made. */
enum {
    SEEP_EPOCH_NONE = 0,
    SEEP_EPOCH_ATTACHING = 1,
    SEEP_EPOCH_OFF = 2,
    SEEP_EPOCH_FIRST = 16
};

extern _Atomic uint32_t *seep_guard_epoch;
extern __thread struct seep_self *seep_guard_tls
    __attribute__((tls_model("initial-exec")));

/* The slow half of seep_guard_self: attaches a fresh process, makes a thread's self, or
 * returns NULL. */
struct seep_self *seep_guard_self_slow(void);

/* The calling thread's self, or NULL when nothing is to be recorded. Keeps errno.
 * async-signal-safe. */
static inline struct seep_self *seep_guard_self(void)
{
    struct seep_self *self = seep_guard_tls;

    if (__builtin_expect(self != NULL, 1) &&
        __builtin_expect(self->epoch ==
                             atomic_load_explicit(seep_guard_epoch, memory_order_relaxed),
                         1)) {
        return self;
    }
    return seep_guard_self_slow();
}

/* Makes the calling thread's self for a thread slot taken by its creator. Returns: it, or
 * NULL as above. */
struct seep_self *seep_guard_adopt(uint32_t slot);

/* Forgets what the thread knows about code and stacks. Owner thread, at nest 0. */
static inline void seep_guard_drop_caches(struct seep_self *self)
{
    self->last_count = 0;
    self->last_root = SEEP_NODE_NONE;
    __builtin_memset(self->sites, 0, sizeof(self->sites));
    __builtin_memset(self->rules, 0, sizeof(self->rules));
}

/* Gives the calling thread's self back at its end; later events go to a shared one,
 * without stacks. */
void seep_guard_release(struct seep_self *self);

#endif
