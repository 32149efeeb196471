/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_HOLDING_READ_H
#define SEEP_ANALYZER_COLLECT_HOLDING_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "collect/live_scan.h"
#include "collect/segment_read.h"

/* The tables of what a process holds: descriptors, timers, mappings. */
enum seep_holding_table {
    SEEP_HOLDING_FDS = 0, /* a slot's place is the descriptor's number */
    SEEP_HOLDING_TIMERS = 1,
    SEEP_HOLDING_MAPPINGS = 2,
    SEEP_HOLDING_TABLES = 3
};

/* One slot in use. */
struct seep_held {
    uint32_t slot;
    uint32_t
        site; /* of a kind that the table may hold; 0 = newer than the reader's bounds
               */
    uint64_t id, bytes;
    uint64_t acquired_ns; /* as the shim wrote it */
};

/* One table's slots in use, ascending. All-zero is empty. */
struct seep_holdings {
    struct seep_held *entries; /* owned */
    uint32_t count, capacity;
};

/* What bounds a look at a table. */
struct seep_holding_bounds {
    const uint8_t *kinds; /* enum seep_kind by site; site_count entries */
    uint32_t site_count;
    uint32_t slots;       /* of the header, within the table */
    void *scratch;        /* borrowed */
    size_t scratch_bytes; /* a multiple of 4,096 */
};

void seep_holdings_fini(struct seep_holdings *holdings);

/* Reads a table's slots in use; holes of the file cost nothing. A slot whose site is of
 * another kind, or beyond all sites (a liar's), is left out.
 *
 * holdings: in/out; what it held before is replaced.
 * Returns: 0; -ENOMEM; -errno of pread or lseek (holdings then hold part of it).
 * Cost: O(pages of the table that exist).
 */
int seep_holdings_read(const struct seep_segment *segment, enum seep_holding_table table,
                       const struct seep_holding_bounds *bounds,
                       struct seep_holdings *holdings);

/* Reads one slot anew. Returns: whether it is in use, by the rule above. */
bool seep_holdings_read_slot(const struct seep_segment *segment,
                             enum seep_holding_table table,
                             const struct seep_holding_bounds *bounds, uint32_t slot,
                             struct seep_held *held);

/* The entry of a slot; NULL when it is not in use. Cost: O(log count). */
const struct seep_held *seep_holdings_find(const struct seep_holdings *holdings,
                                           uint32_t slot);

/* Adds what is held to the ages of its sites; what has no known site is left out.
 *
 * now_ns: of the scan, since start; later births count as now.
 * ages:   in/out; one per site of the bounds that the holdings were read with.
 */
void seep_holdings_age(const struct seep_holdings *holdings, uint64_t now_ns,
                       uint64_t generation_width_ns, struct seep_age *ages);

#endif
