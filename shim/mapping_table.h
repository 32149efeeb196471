/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_MAPPING_TABLE_H
#define SEEP_SHIM_MAPPING_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "guard.h"

/* The mappings that are held now: address ranges with the site that made each, in the
 * segment's table of mappings (struct seep_holding).
 *
 * Counters: `acquired` and `released` count mappings, the bytes are counted as they come
 * and go. A hole in the middle makes two mappings of one, of the same site and birth: the
 * second counts as acquired, with no bytes. So acquired - released is the number of table
 * entries, and a mapping counts as released when its last byte goes.
 */

enum { SEEP_MAPPING_PARTS = 8 };

/* What was taken out of the table for a call under way: enough to put it back. */
struct seep_mapping_taken {
    uint32_t count;     /* of parts */
    uint32_t forgotten; /* parts beyond the array: counted as released at once */
    struct {
        uintptr_t from; /* addresses of the part */
        uintptr_t to;
        uintptr_t whole_from; /* of the mapping that it was cut from */
        uintptr_t whole_to;
        uint64_t acquired_ns; /* since start */
        uint32_t site;
        int32_t entries; /* by which the number of entries has changed: -1, 0, 1 */
    } parts[SEEP_MAPPING_PARTS];
};

/* Adds [address, address + bytes) and counts it.
 *
 * address, bytes:  multiples of the page size; bytes > 0.
 * site:            not 0.
 * A mapping in the table that began at the same address was released past us: what the
 * new one covers of it is counted as released. A full table is counted as lost
 * (HOLDINGS_FULL).
 * Thread-safety: any thread; async-signal-safe; never waits.
 */
void seep_mapping_add(const struct seep_self *self, uintptr_t address, uint64_t bytes,
                      uint32_t site);

/* Takes [address, address + bytes) out of whatever is there, *before* the real call,
 * after which the addresses may be another thread's.
 *
 * taken:  out; added to what is in it, { 0 } at first.
 * Thread-safety: as above; two threads that cut the same mapping at the same time wait
 * for each other a bounded time, then the event is counted as lost (NESTED). Cost:
 * constant for a mapping's first part (or all of it) and for parts of those added last;
 * else the table is read through.
 */
void seep_mapping_take(const struct seep_self *self, uintptr_t address, uint64_t bytes,
                       struct seep_mapping_taken *taken);
/* The real call is done: what was taken counts as released. */
void seep_mapping_settle(const struct seep_self *self,
                         const struct seep_mapping_taken *taken);
/* The real call failed: what was taken is back. What was left of a mapping meanwhile
 * joins it again, unless another thread has cut it too; forgotten parts are counted as
 * lost. */
void seep_mapping_restore(const struct seep_self *self,
                          const struct seep_mapping_taken *taken);

/* Bytes of the mapping that begins at an address; 0 when none does. */
uint64_t seep_mapping_bytes_at(uintptr_t address);

/* Whether entries are whole and do not overlap; at rest only. Cost: quadratic. */
bool seep_mapping_is_valid(void);

#endif
