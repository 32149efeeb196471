/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_THREAD_SAMPLE_H
#define SEEP_ANALYZER_COLLECT_THREAD_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "collect/payload.h"
#include "collect/segment_read.h"
#include "collect/task_look.h"

/* The thread table of one process, what /proc said of each thread, and the tasks that the
 * table does not know. All-zero is the start. */
struct seep_threads {
    struct seep_thread *slots;       /* owned; `count` entries, as in the segment */
    struct seep_watched_task *tasks; /* owned; of slots[i] while `generations` says so */
    uint32_t *generations;           /* owned; whose task tasks[i] is */
    uint32_t *tids;                  /* owned; scratch */
    uint64_t *stack_bytes; /* owned; copy of slots[i].stack_bytes, for the live scan */
    uint32_t count;
    uint32_t capacity;
    uint32_t alive; /* tasks of the table that exist, at the last look */
    struct seep_watched_task *unknown; /* owned; `unknown_count` tasks not in the table */
    uint32_t unknown_count, unknown_capacity;
};

void seep_threads_fini(struct seep_threads *threads);

/* Reads slots 0 .. count-1 of the segment's thread table.
 *
 * Returns: 0; -ENOMEM; -errno of pread. Cost: O(count).
 */
int seep_threads_read(struct seep_threads *threads, const struct seep_segment *segment,
                      uint32_t count);

/* Looks at each task of the table that runs, and at those that it does not know, when
 * there may be any.
 *
 * looker:     with proc_dir_fd -1 nothing is asked, the figures stay as they were.
 * os_threads: of the process, as the kernel counts; UINT64_MAX: look for unknown tasks
 *             in any case.
 */
void seep_threads_sample(struct seep_threads *threads,
                         const struct seep_task_looker *looker, uint64_t os_threads);

/* Appends the payload of a THREADS frame: every slot in use. */
void seep_threads_put(const struct seep_threads *threads, uint64_t t_ns,
                      struct seep_buf *out);

/* Appends the payload of a WAITS frame behind its time: tasks that sleep in a known
 * system call, then those that the table does not know, and were seen twice: a thread
 * that is just being created is not known yet either. */
void seep_threads_put_waits(const struct seep_threads *threads, struct seep_buf *out);

#endif
