/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_RECORDING_DECODE_H
#define SEEP_ANALYZER_LOAD_RECORDING_DECODE_H

#include "base/error.h"
#include "load/age_scan.h"
#include "load/decode_thin.h"
#include "load/point_queue.h"
#include "load/record_read.h"
#include "load/recording.h"
#include "load/recording_pool.h"

/* Bytes of memory that one recording may take, 4 GiB: some 100 million points. */
#define SEEP_RECORDING_MEMORY_MAX_BYTES (UINT64_C(4) << 30)

/* Owner of a recording's memory: what `arena` in struct seep_recording points to. The
 * tables themselves (recording->modules ...) are malloc'ed; their capacities are kept
 * here, in rows. */
struct seep_recording_store {
    struct seep_pool_budget budget;
    struct seep_point_queue points; /* of sites, not yet added ones among them */
    struct seep_pool pool;          /* strings, age rows */
    struct seep_pool threads;       /* the newest thread table; emptied for each one */
    struct seep_pool descriptors, waits, lifetimes; /* likewise */
    size_t modules, subsystems, nodes, sites, snapshots, ages, children, marks, notes;
    size_t probes, labels, limits;
    struct seep_age_writer age_writer; /* emptied when all is read */
    struct seep_thin thin;             /* set before the first frame */
};

/* Adds one frame's content to a recording that has its store and its first rows.
 *
 * name:     of the file, for messages; borrowed.
 * Returns: 0; -EBADMSG a malformed or contradictory payload; -ENOTSUP a PROGRAM frame of
 * another version; -ENOMEM, also when the memory budget is spent. The recording can only
 * be freed then. Thread-safety: owner thread. Allocates: yes. Cost: O(payload).
 */
int seep_recording_decode_frame(struct seep_recording *recording,
                                const struct seep_record_frame *frame, const char *name,
                                struct seep_error *error);

#endif
