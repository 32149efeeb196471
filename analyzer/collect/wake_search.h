/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_WAKE_SEARCH_H
#define SEEP_ANALYZER_COLLECT_WAKE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "collect/segment_read.h"
#include "collect/thread_sample.h"

/* A blocked thread that is asked for. */
struct seep_wake_question {
    uint32_t tid;
    uint64_t object; /* the futex's address */
    bool reachable;  /* out: somebody can wake it */
};

/* What is borrowed of a session. */
struct seep_wake_program {
    uint32_t pid;
    const struct seep_segment *segment;
    struct seep_threads *threads; /* as of the newest look; stops are noted there */
    const uint8_t *kinds;         /* enum seep_kind by site */
    uint32_t site_count, leaf_count;
};

enum { SEEP_WAKE_THREADS_MAX = 512, SEEP_WAKE_ROOM_SHARE = 4 };
/* Of the program's memory are copied at most these, and at most 1/SEEP_WAKE_ROOM_SHARE of
 * what the machine, and the cgroup, have left. */
#define SEEP_WAKE_MEMORY_MAX_BYTES (UINT64_C(2) << 30)

/* Whether a search can be right at all: every block of the heap is recorded.
 * counts: of the segment, now. Thread-safety: pure. */
bool seep_wake_is_possible(const struct seep_segment *segment,
                           const struct seep_segment_counts *counts);

/* Stops all threads for a moment, takes their registers, and looks for whoever could wake
 * those that are asked for (wake_proof.h: three of these, with time between them, make a
 * proof).
 *
 * questions:     in/out, borrowed; in any order.
 * scanned_bytes: out. stop_ns: out; how long the program stood still. May be set on
 *                error.
 * Returns: 0; -E2BIG: more than SEEP_WAKE_THREADS_MAX threads, or than the
 * memory above; -EAGAIN: a thread came, went or did not stop; as
 * seep_thread_stop and seep_wake_proof. Allocates: a copy of the program's memory.
 */
int seep_wake_search(const struct seep_wake_program *program,
                     struct seep_wake_question *questions, size_t count,
                     uint64_t *scanned_bytes, uint64_t *stop_ns,
                     struct seep_error *error);

#endif
