/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_MARK_READ_H
#define SEEP_ANALYZER_COLLECT_MARK_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "collect/segment_read.h"

/* How often each label was marked. Rows are labels in the order in which they were first
 * seen; a row stays a label's for ever. All-zero is the start. Owner thread. */
struct seep_mark_counts {
    uint16_t slots[SEEP_MARK_LABELS_MAX];  /* of the segment's table, by row */
    char labels[SEEP_MARK_LABELS_MAX][64]; /* by row, as first seen; NUL terminated */
    uint32_t count;                        /* rows */
    uint64_t sum_written; /* of all counts, as the recording says them; they only grow */
};

/* Reads the counts as they are now.
 *
 * body:    out; replaced by the payload of SEEP_FRAME_MARK_COUNTS without its time.
 *          Empty when nothing has been counted since `sum_written`.
 * sum:     out; to become `sum_written` once the frame is in the recording.
 * scratch: borrowed; at least 64 KiB.
 * Returns: 0; -errno of pread. Cost: O(labels that fit), 0 without marks.
 */
int seep_mark_counts_read(struct seep_mark_counts *marks,
                          const struct seep_segment *segment, uint32_t labels,
                          void *scratch, struct seep_buf *body, uint64_t *sum);

#endif
