/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_RECORD_H
#define SEEP_SHIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard.h"
#include "seep/kinds.h"

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
void seep_record_acquire(struct seep_self *self, enum seep_kind kind, const void *address,
                         size_t size_bytes, uintptr_t sp, uintptr_t fp);

/* Whether the live table holds something at this address. */
bool seep_record_is_live(const void *address);

/* Clears the address's entry *before* the real release, after which the address may be
 * another thread's. */
struct seep_taken seep_record_take(const void *address);
/* The real release failed: the entry is back as it was. */
void seep_record_restore(const void *address, struct seep_taken taken);
/* The real release is done: it counts. */
void seep_record_settle(struct seep_self *self, struct seep_taken taken);

#endif
