/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_SITE_H
#define SEEP_SHIM_SITE_H

#include <stdint.h>

#include "guard.h"
#include "life.h"
#include "seep/kinds.h"
#include "stackmemo.h"

/* Reads SEEP_OPTIONS: memo=off walks every stack whole, for measuring what the memo is
 * worth. Once, before the first recording. */
void seep_site_start(void);

/* The halves of seep_site_here that are not the usual case: a stack that the memo does
 * not know (entry NULL), or not for this subsystem and kind; a stack for which the
 * thread's caches may not be used; a stack that is not whole. */
uint32_t seep_site_missed(struct seep_self *self, struct seep_memo_entry *entry,
                          enum seep_kind kind, uintptr_t sp, uintptr_t fp);
uint32_t seep_site_elsewhere(struct seep_self *self, enum seep_kind kind, uintptr_t sp,
                             uintptr_t fp);
void seep_site_count_incomplete(uint32_t root);

/* What a memo entry's site was asked for with. */
static inline uint32_t seep_site_key(const struct seep_self *self, enum seep_kind kind)
{
    return self->subsystem << 8 | (uint32_t)kind;
}

/* Begins a recording: from here on a signal handler on this thread leaves the caches of
 * this level alone. Returns: the epoch, for leave. */
static inline uint32_t seep_site_enter(struct seep_self *self, uint32_t level,
                                       uintptr_t sp)
{
    uint32_t epoch = self->epoch;

    self->level_sp[level] = sp;
    self->nest = level + 1;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return epoch;
}

/* Returns: the site, or 0 when a handler has forked meanwhile and this is the child: then
 * ids are of two tables. */
static inline uint32_t seep_site_leave(struct seep_self *self, uint32_t level,
                                       uint32_t epoch, uint32_t site)
{
    if (__builtin_expect(epoch != self->epoch, 0)) {
        seep_guard_drop_caches(self);
        site = 0;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    /* What this is on top of may have been about to raise `nest`, with its sp noted. */
    self->level_sp[level] = SEEP_SELF_SP_UNKNOWN;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    self->nest = level;
    return site;
}

/* The site of an acquisition: its whole stack, the thread's subsystem, the kind.
 *
 * sp, fp:  of the wrapped function at entry, as the stub hands them over.
 * Returns: the site's id; 0 when it could not be recorded (counted).
 * Thread-safety: owner thread; async-signal-safe. Allocates: no. Keeps errno.
 * A stack that is not the thread's own is never in the memo: no entry has its sp.
 * Cost: one compare per frame; O(frames that changed) when the stack is new.
 */
static inline __attribute__((always_inline)) uint32_t
seep_site_here(struct seep_self *self, enum seep_kind kind, uintptr_t sp, uintptr_t fp)
{
    struct seep_memo_entry *entry = NULL;
    uint32_t epoch = 0;
    uint32_t site = 0;

    if (__builtin_expect(self->nest != 0 ||
                             self->unload_generation != seep_life_unload_generation(),
                         0)) {
        return seep_site_elsewhere(self, kind, sp, fp);
    }
    epoch = seep_site_enter(self, 0, sp);
    entry = seep_memo_find(&self->memo, sp, fp, *(const uintptr_t *)sp);
    if (__builtin_expect(entry != NULL && entry->site_key == seep_site_key(self, kind),
                         1)) {
        site = entry->site;
        self->memo.found++;
        if (__builtin_expect(entry->end != SEEP_NODE_COMPLETE, 0)) {
            seep_site_count_incomplete(entry->end);
        }
    } else {
        site = seep_site_missed(self, entry, kind, sp, fp);
    }
    return seep_site_leave(self, 0, epoch, site);
}

#endif
