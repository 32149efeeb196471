/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_LIFETIME_READ_H
#define SEEP_ANALYZER_COLLECT_LIFETIME_READ_H

#include <stdint.h>

#include "base/buf.h"
#include "collect/segment_read.h"
#include "collect/thread_sample.h"

/* What became of the threads of each creation site: the shim's counts, and the memory of
 * the stacks that are there. All-zero is empty. */
struct seep_lifetime_row {
    uint32_t site;
    uint64_t created, started, ended, joined, detached, left, cancelled, cpu_ns;
    uint64_t stack_mapped_bytes, stack_resident_bytes;
    uint64_t buckets[SEEP_LIFETIME_BUCKETS];
};

struct seep_lifetimes {
    struct seep_lifetime_row *rows; /* owned; ascending by site */
    uint32_t count, capacity;
};

void seep_lifetimes_fini(struct seep_lifetimes *lifetimes);

/* Bounds and working memory of a look. */
struct seep_lifetime_bounds {
    const uint8_t *kinds; /* of sites */
    uint32_t site_count;  /* sites beyond are left out */
    void *scratch;        /* borrowed; of a multiple of 4,096 bytes */
    size_t scratch_bytes;
};

/* Reads the segment's table. The memory of stacks that a look before has found stays.
 *
 * Returns: 0; -ENOMEM; -errno of pread. Cost: O(creation sites).
 */
int seep_lifetimes_read(struct seep_lifetimes *lifetimes,
                        const struct seep_segment *segment,
                        const struct seep_lifetime_bounds *bounds);

/* Adds up, by site, what the stacks of the threads that are there take: those that run,
 * and those that have ended and wait to be joined.
 *
 * proc_dir_fd: borrowed /proc/PID; its pagemap is read. -1: what was resident at the look
 *              before stays, as far as the stacks are there.
 * Cost: some 10 us for each thread with a stack of 8 MiB.
 */
void seep_lifetimes_weigh(struct seep_lifetimes *lifetimes,
                          const struct seep_threads *threads, int proc_dir_fd);

/* Appends the payload of a LIFETIMES frame behind its time: rows with a thread. */
void seep_lifetimes_put(const struct seep_lifetimes *lifetimes, uint32_t exit_way,
                        struct seep_buf *out);

#endif
