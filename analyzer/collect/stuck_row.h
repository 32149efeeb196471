/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_STUCK_ROW_H
#define SEEP_ANALYZER_COLLECT_STUCK_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attach/probe.h"
#include "base/buf.h"
#include "collect/segment_read.h"
#include "seep/recording.h"

enum { SEEP_STUCK_OWNER_WORDS = 5 /* of the C library's locks, from the futex on */ };

enum seep_stuck_state {
    SEEP_STUCK_NEW = 0,
    SEEP_STUCK_CHOSEN = 1, /* to be stopped in this look */
    SEEP_STUCK_ALIKE = 2,  /* enough others like it were looked at */
    SEEP_STUCK_PROBED = 3  /* its PROBE frame is written */
};

/* A thread that stands still. */
struct seep_stuck_row {
    uint32_t tid, slot_plus_1, site;
    uint64_t unchanged_since_ns, syscall_plus_1, address;
    enum seep_stuck_state state;
    bool seen;               /* in this look */
    bool wakeable_kind;      /* a futex without a timeout */
    uint32_t votes;          /* searches in a row that found nobody */
    uint32_t reach;          /* SEEP_REACH_* */
    uint64_t next_search_ns; /* since the start; 0: at once */
    uint64_t scanned_bytes;
    uint64_t stop_ns;                         /* the longest that it stood still for us */
    struct seep_buf arguments, object, stack; /* owned; as in the frame */
    bool owned;                               /* `owner` is filled */
    uint32_t owner[SEEP_STUCK_OWNER_WORDS];   /* who holds what it waits for */
};

void seep_stuck_row_fini(struct seep_stuck_row *row);

/* The recording's ids of the modules that a look met, by their index there; 0: the shim
 * has not met it. Returns: owned (free); NULL without memory. Cost: O(modules). */
uint32_t *seep_stuck_row_modules(const struct seep_segment *segment,
                                 const struct seep_probe *probe);

/* Takes over what the look found. ids: as seep_stuck_row_modules. Returns: 0; -ENOMEM. */
int seep_stuck_row_fill(uint32_t pid, const struct seep_probe *probe, const uint32_t *ids,
                        const struct seep_probe_thread *thread,
                        struct seep_stuck_row *row);

/* A lock that goes from hand to hand while a thread waits for its turn has no owner to be
 * named: takes back what was seen of it. Returns: true once, when that has happened. */
bool seep_stuck_row_lost_owner(uint32_t pid, struct seep_stuck_row *row);

/* Appends the payload of the row's PROBE frame. */
void seep_stuck_row_put(const struct seep_stuck_row *row, uint64_t t_ns,
                        struct seep_buf *payload);

#endif
