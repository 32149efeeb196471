/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_DECODE_MARKS_H
#define SEEP_ANALYZER_LOAD_DECODE_MARKS_H

struct seep_decoder;

/* Counted marks, into the labels of the recording; they speak for the next snapshot. */
void seep_decode_mark_counts(struct seep_decoder *d);
/* A snapshot has come, whose index is still snapshot_count: what was counted up to here
 * is what its points say. Cost: O(labels). */
void seep_decode_marks_settle(struct seep_decoder *d);

#endif
