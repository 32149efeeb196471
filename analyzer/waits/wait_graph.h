/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_WAITS_WAIT_GRAPH_H
#define SEEP_ANALYZER_WAITS_WAIT_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "waits/wait_kind.h"

/* A thread of a process at one instant. Texts are borrowed, "" = unknown. */
struct seep_wait_thread {
    uint32_t tid;
    uint32_t owner_tid;       /* holds what is waited for; 0 = none or unknown */
    enum seep_wait_kind kind; /* SEEP_WAIT_UNKNOWN and call "" = it runs */
    uint64_t address;         /* of the object waited for; 0 = none */
    const char *name;         /* "worker-1" */
    const char *place;        /* where it waits: "hub_send (hub.c:120)" */
    const char *call;         /* what it is blocked in: "read of pipe:[17]" */
    double blocked_s;         /* 0 = unknown */
};

/* How the chain "waits for what X holds, which waits for ..." ends. */
enum seep_wait_shape {
    SEEP_CHAIN_NONE = 0,        /* waits for nothing that has an owner */
    SEEP_CHAIN_CYCLE = 1,       /* is part of a cycle: nobody in it ever goes on */
    SEEP_CHAIN_INTO_CYCLE = 2,  /* waits for somebody who is */
    SEEP_CHAIN_OWNER_ENDED = 3, /* the last owner does not exist any more */
    SEEP_CHAIN_BLOCKED = 4,     /* the last owner is blocked in something else */
    SEEP_CHAIN_RUNNING = 5      /* the last owner runs */
};

enum { SEEP_CHAIN_NO_OWNER = UINT32_MAX };

struct seep_wait_chain {
    enum seep_wait_shape shape;
    uint32_t owner; /* index of the thread that holds what this one waits for;
                       SEEP_CHAIN_NO_OWNER: nobody does, or it has ended */
    uint32_t steps; /* threads behind this one, up to the end or back to itself */
    uint32_t last;  /* index of the last thread of the chain; of a cycle, its lowest: the
                       same for all that wait for it */
};

/* Follows each thread's owner to the end.
 *
 * threads: borrowed; n of them, tids distinct; an owner that is not among them has ended.
 * chains:  out, borrowed; n of them.
 * Returns: 0; -ENOMEM; -EINVAL when n exceeds 2^31 (chains untouched).
 * Thread-safety: pure. Allocates: scratch. Cost: O(n log n).
 */
int seep_wait_graph_solve(const struct seep_wait_thread *threads, size_t n,
                          struct seep_wait_chain *chains);

/* Appends the chain of thread `index` in words, one sentence without a full stop: "a (tid
 * 7) waits at hub_send (hub.c:120) for the mutex 0x1000 held by b (tid 8), which waits
 * ... held by a (tid 7): a cycle of 2". Twelve threads at most are named. */
void seep_wait_graph_words(const struct seep_wait_thread *threads,
                           const struct seep_wait_chain *chains, size_t index,
                           struct seep_buf *out);

#endif
