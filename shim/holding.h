/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_HOLDING_H
#define SEEP_SHIM_HOLDING_H

#include <stdbool.h>
#include <stdint.h>

#include "guard.h"

/* The descriptors and timers that are held now: the tables of struct seep_holding in the
 * segment, and the counters of their sites.
 *
 * H1: what counts as acquired and not as released is in the table: whoever takes a site
 * out of a slot, by an exchange, counts its release, and nobody else. H2: the number of a
 * closed descriptor may be another thread's at once, so an entry is taken before the real
 * call. H3: a child that shares memory and not descriptors (vfork) leaves the table
 * alone.
 *
 * All functions keep errno, never wait, and may be called by any thread and by signal
 * handlers. A number or a count of timers beyond the table is counted as lost
 * (HOLDINGS_FULL).
 */

/* An entry that was taken out for a call under way. */
struct seep_holding_taken {
    struct seep_self *self;
    uint32_t site; /* 0 = nothing was recorded: nothing to settle */
    uint32_t slot;
};

/* A descriptor is new: whatever the table has under its number was closed past us, and
 * counts as released.
 *
 * fd:      negative: nothing happens.
 * sp, fp:  of the wrapped function at entry.
 */
void seep_holding_fd_acquire(int fd, uintptr_t sp, uintptr_t fp);

/* As above for the descriptor that dup2 replaced. One of the standard three in a forked
 * child that has recorded nothing yet is left as inherited: it is about to exec, and a
 * segment for that would cost more than all it does. */
void seep_holding_fd_replace(int fd, uintptr_t sp, uintptr_t fp);

/* As acquire, but only when the table has nothing under the number. */
void seep_holding_fd_adopt(int fd, uintptr_t sp, uintptr_t fp);

/* Takes a descriptor's entry out before it is closed. */
struct seep_holding_taken seep_holding_fd_take(int fd);
/* It is closed: counts. Linux frees the number whatever close() returns. */
void seep_holding_fd_settle(const struct seep_holding_taken *taken);
/* The call ended in some other way (cancelled; freopen failed): counts if the number is
 * closed by now, else puts the entry back. taken: struct seep_holding_taken. */
void seep_holding_fd_settle_or_restore(void *taken);

/* Releases all descriptors from first to last. */
void seep_holding_fd_release_range(unsigned first, unsigned last);

/* A timer is new. id: the value of its timer_t. */
void seep_holding_timer_acquire(uint64_t id, uintptr_t sp, uintptr_t fp);
/* Takes a timer's entry out before it is deleted; the delete succeeded; it failed. */
struct seep_holding_taken seep_holding_timer_take(uint64_t id);
void seep_holding_timer_settle(const struct seep_holding_taken *taken);
void seep_holding_timer_restore(const struct seep_holding_taken *taken);

#endif
