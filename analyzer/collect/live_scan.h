/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_LIVE_SCAN_H
#define SEEP_ANALYZER_COLLECT_LIVE_SCAN_H

#include "collect/segment_read.h"
#include "seep/live_entry.h"

/* What is alive of one site. */
struct seep_age {
    uint64_t live;       /* entries of the live table; sampled: what they stand for */
    uint64_t live_bytes; /* requested bytes; of a thread, its stack's */
    uint64_t oldest_ns;  /* birth since start, to the precision of seep_birth_encode */
    uint64_t newest_ns;
    uint64_t generations; /* bit g: something born in [g, g + 1) widths is alive */
    uint64_t samples;     /* sampled heap: entries; 0 where all is recorded */
    double live_variance, bytes_variance; /* of live and live_bytes, from sampling */
};

struct seep_live_scan {
    const uint8_t *kinds;        /* enum seep_kind by site; site_count entries */
    const uint64_t *stack_bytes; /* by thread slot; thread_count entries */
    uint32_t site_count, thread_count, leaf_count; /* within the segment's counts */
    uint64_t generation_width_ns;                  /* of seep_live_generation_width_ns */
    uint64_t sample_bytes;                         /* of the segment; 0 in full mode */
    uint64_t heap_most;   /* the scan ends at so many heap entries; UINT64_MAX: never */
    void *scratch;        /* borrowed */
    size_t scratch_bytes; /* a multiple of 4,096 */
};

/* The narrowest width, doubling from 1/64 s, at which `since_start_ns` falls into 64
 * generations. */
uint64_t seep_live_generation_width_ns(uint64_t since_start_ns);

/* What a scan will cost when one of a segment of `taken_then` bytes cost `cost_ns`: a
 * program that fills its heap in its first second would pay for a look at it that nobody
 * needs. taken: seep_segment_taken_bytes; 0 unknown. Returns: ns, cost_ns at least. Pure.
 */
uint64_t seep_live_scan_cost_ns(uint64_t cost_ns, uint64_t taken_then,
                                uint64_t taken_now);

/* Walks the pages of the live table that exist and adds up what is alive, by site.
 *
 * ages:    out, borrowed; site_count entries.
 * Returns: 0; -errno of pread or lseek (ages then hold part of the sums).
 *   Of a process that runs, the result is near the truth; of one at rest, it is the
 * truth. Thread-safety: any thread, on its own scratch. Cost: O(pages of the live table
 * that exist), up to the last entry where their number is known.
 */
int seep_live_scan(const struct seep_segment *segment, const struct seep_live_scan *scan,
                   struct seep_age *ages);

#endif
