/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_TABLE_COPY_H
#define SEEP_ANALYZER_COLLECT_TABLE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "collect/record_write.h"
#include "collect/segment_read.h"

/* How much of a segment's tables is in the recording. All-zero is the start.
 *
 * Invariant: sites 0 .. sites-1 are in the recording, and so is each one's node, unless
 * stacks were given up (nodes_closed) or the shim left the node unfinished.
 */
struct seep_tables {
    uint32_t modules, subsystems, nodes, sites, marks; /* entries copied */
    uint8_t *kinds; /* owned; enum seep_kind by site; `sites` entries */
    uint32_t kinds_capacity;
    uint32_t nodes_awaited,
        nodes_patience; /* the unfinished entry, and how often it was met */
    uint32_t sites_awaited, sites_patience;
    bool nodes_closed;   /* no more stacks: they would crowd out everything else */
    bool sites_closed;   /* no more sites, for the same reason */
    uint64_t stacks_cut; /* sites written without their stack since then */
    uint32_t limit_changes, limit_subsystems; /* that are in the recording */
    uint64_t *limits; /* owned; by subsystem: as written last; NULL: none was */
};

void seep_tables_fini(struct seep_tables *tables);

/* Copies what is new in the tables and marks to the recording.
 *
 * Nodes and sites are claimed before they are written (S1): copying stops at an
 * unfinished entry until the next call; after ten calls, or when `at_rest`, it is taken
 * as it is.
 *
 * scratch: borrowed; at least 64 KiB.
 * Returns: 0; -errno of the segment or the recording; what was copied stays copied, the
 * rest is tried again at the next call.
 */
int seep_tables_copy(struct seep_tables *tables, const struct seep_segment *segment,
                     struct seep_record *record, bool at_rest, void *scratch);

#endif
