/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_DECODE_THIN_H
#define SEEP_ANALYZER_LOAD_DECODE_THIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seep/segment.h"

/* Which snapshots of a file are kept in memory: early ones by the stride, from one on
 * all. What a snapshot said that is left out is said by the next that is kept, as the
 * collector merges them (collect/record_thin.h). All-zero keeps all.
 */
struct seep_thin {
    uint32_t stride;     /* of the early ones: every stride-th is kept; 0 and 1: all */
    uint64_t dense_from; /* number of the first snapshot from which all are kept */
    uint64_t seen;       /* snapshots decoded, kept or not */
    uint64_t points;     /* in memory, or on the way there (point_queue.h) */
    uint32_t merged;     /* left out since the last that was kept */
    /* Sites that changed since then. */
    struct seep_counters *counters; /* owned; by site; NULL: nothing was left out */
    uint8_t *is_held;               /* owned; by site */
    uint32_t *held;                 /* owned; their ids */
    size_t held_count, capacity;    /* capacity: of each, in sites */
};

/* Whether the next snapshot is left out. */
static inline bool seep_thin_leaves_out(const struct seep_thin *thin)
{
    return thin->stride > 1 && thin->seen < thin->dense_from &&
           thin->seen % thin->stride != 0;
}

/* Whether changes have to go through here: seep_thin_hold, and what is held is taken with
 * the next snapshot that is kept. */
static inline bool seep_thin_is_on(const struct seep_thin *thin)
{
    return thin->held_count > 0 || seep_thin_leaves_out(thin);
}

/* Keeps a site's newest counters. site: below `sites`. Returns: 0; -ENOMEM. */
int seep_thin_hold(struct seep_thin *thin, uint32_t site, size_t sites,
                   const struct seep_counters *counters);
/* Nothing is held any more. */
void seep_thin_release(struct seep_thin *thin);
void seep_thin_fini(struct seep_thin *thin);

#endif
