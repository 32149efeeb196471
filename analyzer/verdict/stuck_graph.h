/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_STUCK_GRAPH_H
#define SEEP_ANALYZER_VERDICT_STUCK_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict/finding.h"
#include "waits/wait_graph.h"

/* One thread that is there at the end of what was recorded. Texts are borrowed. */
struct seep_stuck_thread {
    struct seep_wait_thread wait; /* kind UNKNOWN and call "": it runs, or has moved */
    bool blocked;                 /* has not moved for as long as --stuck-after says, and
                                     has to be woken by somebody in the program */
    bool unreachable;             /* searches found nobody who could wake it */
};

enum seep_stuck_why {
    SEEP_STUCK_NOT = 0,
    SEEP_STUCK_CYCLE = 1,       /* in a cycle of locks or joins */
    SEEP_STUCK_OWNER_ENDED = 2, /* the lock's owner has ended */
    SEEP_STUCK_UNREACHABLE = 3, /* nobody can wake it */
    SEEP_STUCK_BEHIND = 4,      /* waits for one of the three above */
    SEEP_STUCK_HELD = 5,        /* the owner is itself blocked in something else */
    SEEP_STUCK_HELD_LONG = 6    /* the owner goes on, and does not let go */
};

struct seep_stuck_fate {
    enum seep_stuck_why why;
    enum seep_verdict verdict; /* NONE for SEEP_STUCK_NOT and _HELD_LONG */
    uint32_t root; /* index of the thread that answers for it: of a cycle its lowest, of
                      others the one nearest to the cause; itself, but for BEHIND and
                      further waiters for the same lock */
};

/* Who will never run again, and why.
 *
 * threads: borrowed; n of them, distinct tids. chains: out, borrowed; n of them, as of
 * seep_wait_graph_solve, for the words. fates: out, borrowed; n of them.
 *   Only threads that are `blocked` have a fate; a thread that can be woken and waits for
 * nothing that has an owner has none: a worker without work is idle, not stuck.
 * Returns: 0; as seep_wait_graph_solve. Thread-safety: pure. Allocates: scratch.
 * Source: docs/threads.md.
 */
int seep_stuck_judge(const struct seep_stuck_thread *threads, size_t n,
                     struct seep_wait_chain *chains, struct seep_stuck_fate *fates);

#endif
