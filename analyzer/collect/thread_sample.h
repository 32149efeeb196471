/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_THREAD_SAMPLE_H
#define SEEP_ANALYZER_COLLECT_THREAD_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "collect/payload.h"
#include "collect/segment_read.h"

/* The thread table of one process, and what /proc said of each thread. All-zero is the
 * start. */
struct seep_threads {
    struct seep_thread *slots;           /* owned; `count` entries, as in the segment */
    struct seep_thread_figures *figures; /* owned; of slots[i] while `known` says so */
    struct seep_thread_identity {
        uint32_t generation, tid;
    } * known;             /* owned; whose figures figures[i] are */
    uint64_t *stack_bytes; /* owned; copy of slots[i].stack_bytes, for the live scan */
    uint32_t count;
    uint32_t capacity;
};

void seep_threads_fini(struct seep_threads *threads);

/* Reads slots 0 .. count-1 of the segment's thread table.
 *
 * Returns: 0; -ENOMEM; -errno of pread. Cost: O(count).
 */
int seep_threads_read(struct seep_threads *threads, const struct seep_segment *segment,
                      uint32_t count);

/* Asks /proc about each thread that runs; three small files each.
 *
 * proc_dir_fd: borrowed /proc/PID; -1: nothing is asked, the figures stay as they were.
 * t_ns:        of the snapshot: becomes `unchanged_since_ns` of what has changed.
 */
void seep_threads_sample(struct seep_threads *threads, int proc_dir_fd, uint64_t t_ns);

/* Appends the payload of a THREADS frame: every slot in use. */
void seep_threads_put(const struct seep_threads *threads, uint64_t t_ns,
                      struct seep_buf *out);

#endif
