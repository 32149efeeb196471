/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_LIVE_BLOCKS_H
#define SEEP_ANALYZER_COLLECT_LIVE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "collect/segment_read.h"
#include "waits/reach.h"

/* Where the heap's live blocks are, to the table's granule: with one of 32 bytes a block
 * begins at its `start` or 16 behind it, and `bytes` covers both. All-zero is a valid
 * empty list. */
struct seep_live_blocks {
    struct seep_reach_block *blocks; /* owned; ascending; may overlap by 16 bytes */
    size_t count;
};

/* Reads the live table with addresses. Of a process that runs, blocks that come or go
 * meanwhile are in it or not.
 *
 * kinds: borrowed; enum seep_kind by site, site_count entries.
 * leaf_count: within the segment's counts.
 * out:   untouched on error.
 * Returns: 0; -ENOMEM; -errno of pread or lseek.
 * Allocates: 16 bytes a block. Cost: O(pages of the live table that exist).
 */
int seep_live_blocks_read(const struct seep_segment *segment, const uint8_t *kinds,
                          uint32_t site_count, uint32_t leaf_count,
                          struct seep_live_blocks *out);
void seep_live_blocks_fini(struct seep_live_blocks *blocks);

#endif
