/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_SITE_H
#define SEEP_SHIM_SITE_H

#include <stdint.h>

#include "guard.h"
#include "seep/kinds.h"
#include "stackmemo.h"

/* Reads SEEP_OPTIONS: memo=off walks every stack whole, for measuring what the memo is
 * worth. Once, before the first recording. */
void seep_site_start(void);

/* Inside a recording at level 0: the site of a stack, by the thread's caches. `known`:
 * what seep_memo_likely said; NULL: it was not asked. */
uint32_t seep_site_cached(struct seep_self *self, struct seep_memo_entry *known,
                          enum seep_kind kind, uintptr_t sp, uintptr_t fp);
/* What a memo entry's site was asked for with. */
static inline uint32_t seep_site_key_of(uint32_t subsystem, enum seep_kind kind)
{
    return subsystem << 8 | (uint32_t)kind;
}
static inline uint32_t seep_site_key(const struct seep_self *self, enum seep_kind kind)
{
    return seep_site_key_of(self->subsystem, kind);
}

/* The short way (guard.h, G3): from here on until its end a signal handler on this thread
 * leaves the caches alone. */
static inline void seep_site_begin(struct seep_self *self, uintptr_t sp)
{
    self->level_sp[0] = sp;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    self->fast = SEEP_SELF_BUSY;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* The guard's words have changed since: a library was closed, or a handler has forked and
 * this is the child, where ids are of two tables. Returns: whether it is the same process
 * still. */
bool seep_site_survives(struct seep_self *self, uint64_t fast);

/* `fast`: the self's, before. Returns: whether this is not the child of a handler that
 * forked meanwhile. */
static inline __attribute__((always_inline)) bool seep_site_end(struct seep_self *self,
                                                                uint64_t fast)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    /* What this is on top of may have been about to begin, with its sp noted. */
    self->level_sp[0] = SEEP_SELF_SP_UNKNOWN;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    self->fast = fast;
    return __builtin_expect(seep_guard_is(fast), 1) || seep_site_survives(self, fast);
}

/* Inside it: whether the entry knows the site. */
static inline bool seep_site_is_known(struct seep_self *self,
                                      const struct seep_memo_entry *entry,
                                      enum seep_kind kind)
{
    bool is_known = entry != NULL && entry->site_key == seep_site_key(self, kind);

    if (__builtin_expect(is_known, 1)) {
        self->memo.found++;
    }
    return is_known;
}

/* The site of an acquisition: its whole stack, the thread's subsystem, the kind.
 *
 * sp, fp:  of the wrapped function at entry, as the stub hands them over.
 * Returns: the site's id; 0 when it could not be recorded (counted), and in the child of
 * a handler that forked meanwhile. Thread-safety: owner thread; async-signal-safe.
 * Allocates: no. Keeps errno. A stack that is not the thread's own is never in the memo:
 * no entry has its sp. Cost: one compare per frame; O(frames that changed) when the stack
 * is new.
 */
uint32_t seep_site_here(struct seep_self *self, enum seep_kind kind, uintptr_t sp,
                        uintptr_t fp);

#endif
