/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_STUCK_WATCH_H
#define SEEP_ANALYZER_COLLECT_STUCK_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "collect/wake_search.h"

/* Threads that have not moved for long: each is looked at from outside, once for each
 * time that it stands still, and asked for in searches for who could wake it. All-zero,
 * with stuck_after_ns, is the start. Owner thread.
 */
struct seep_stuck_watch {
    uint64_t stuck_after_ns;
    struct seep_stuck_row *rows; /* owned; threads that stand still */
    size_t count, capacity;
    size_t sorted; /* rows that are ascending by tid: between looks all */
    /* CLOCK_MONOTONIC; stopping and searching cost at most 1 % of the time each. */
    uint64_t probe_not_before_ns, search_not_before_ns;
    uint32_t written;      /* PROBE frames */
    bool waited;           /* threads had to wait: so many frames are written by now */
    bool searching_failed; /* searches are given up: `why_not` says why */
    char why_not[160];     /* for the recording's notes; "" nothing to say */
};

void seep_stuck_watch_fini(struct seep_stuck_watch *watch);

/* Looks at what stands still. To be called after each look at the threads.
 *
 * program: as of that look. possible: searches can be right (seep_wake_is_possible).
 * t_ns:    of the snapshot.
 * put:     is given the payload of each PROBE frame; 0, or -errno, which ends the look.
 * Returns: 0; -ENOMEM; what put returned. A process that cannot be looked at is no
 * error: why_not says so once.
 */
int seep_stuck_watch_look(struct seep_stuck_watch *watch,
                          const struct seep_wake_program *program, bool possible,
                          uint64_t t_ns,
                          int (*put)(void *arg, const struct seep_buf *payload),
                          void *arg);

#endif
