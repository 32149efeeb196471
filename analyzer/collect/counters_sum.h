/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_COUNTERS_SUM_H
#define SEEP_ANALYZER_COLLECT_COUNTERS_SUM_H

#include "collect/segment_read.h"

/* Adds up the counters of sites 0 .. site_count-1 over all shards.
 *
 * sums:    out, borrowed; site_count entries. On failure they hold part of the sums.
 * scratch: borrowed; scratch_bytes (a multiple of 4,096) of working memory.
 * Returns: 0; -errno of pread or lseek.
 * Thread-safety: any thread, on its own scratch. Cost: O(pages of counters that exist).
 */
int seep_counters_sum(const struct seep_segment *segment, uint32_t site_count,
                      struct seep_counters *sums, void *scratch, size_t scratch_bytes);

#endif
