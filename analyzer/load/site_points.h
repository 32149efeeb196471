/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_SITE_POINTS_H
#define SEEP_ANALYZER_LOAD_SITE_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "seep/segment.h"

/* The states of a site over time: points that come once, in order of time, and are read
 * in that order. Packed: a recording of a big program has ten million of them, which
 * would be 400 MB as plain structs, and are 90.
 *
 *     struct seep_points_cursor at = seep_points_start(&site->points);
 *
 *     while (seep_points_next(&at)) {
 *         ... at.now.snapshot, at.now.counters ...
 *     }
 *
 * All-zero is a site without points.
 */
struct seep_pool;

/* One known state of a site: valid from snapshot `snapshot` until its next point. */
struct seep_rec_point {
    uint32_t snapshot; /* index into the recording's snapshots */
    struct seep_counters counters;
};

enum {
    SEEP_POINTS_GAP_ESCAPE = 255, /* a byte of 255: the gap follows in 4 bytes */
    SEEP_POINTS_LENGTH_BITS = 4,
    SEEP_POINTS_SLACK_BYTES = 7 /* readable behind each chunk */
};

struct seep_points_chunk { /* of the recording's pool */
    struct seep_points_chunk *next;
    uint16_t used_bytes; /* set when the next one is begun; `from_bytes` among them */
    uint16_t from_bytes; /* where its points begin; 0, or behind a mark */
    uint8_t data[];
};

/* What was before a chunk's first point, at the front of those of the largest size: who
 * looks for a snapshot goes from mark to mark. */
struct seep_points_mark {
    struct seep_counters counters;
    uint32_t snapshot, count; /* of the points before */
};

struct seep_points {
    struct seep_counters last; /* of the newest point; zeros when there is none */
    uint32_t last_snapshot;    /* of the newest point */
    uint32_t count;
    struct seep_points_chunk *newest; /* NULL when there is none */
    struct seep_points_chunk *first;
    uint16_t used_bytes, capacity_bytes; /* of the newest */
};

/* Asks for the memory that seep_points_add will write to, which at millions of points is
 * in no cache. The struct itself is read. */
static inline void seep_points_prefetch(const struct seep_points *points)
{
    __builtin_prefetch((const uint8_t *)points->newest + points->used_bytes, 1);
}

/* Adds a point. snapshot: higher than that of the point before; counters: any.
 * Returns: 0; -ENOMEM, nothing changed. */
int seep_points_add(struct seep_points *points, struct seep_pool *pool, uint32_t snapshot,
                    const struct seep_counters *counters);

/* The state at a snapshot: that of the newest point not after it; zeros before the first.
 * Cost: O(points), a fortieth of those of a busy site. */
struct seep_counters seep_points_at(const struct seep_points *points, size_t snapshot);
/* The states at two snapshots: first <= last. Cost: as above, twice. */
struct seep_points_pair {
    struct seep_counters first, last;
};
struct seep_points_pair seep_points_at_both(const struct seep_points *points,
                                            size_t first, size_t last);

struct seep_points_cursor {
    struct seep_rec_point now; /* valid after seep_points_next has said so */
    const struct seep_points_chunk *chunk;
    const uint8_t *at;
    uint32_t left;
};

static inline struct seep_points_cursor
seep_points_start(const struct seep_points *points)
{
    return (struct seep_points_cursor){
        .chunk = points->first,
        .at = points->first != NULL ? points->first->data : NULL,
        .left = points->count,
    };
}

/* The same from the last mark at or before a snapshot on; now is the state there. */
struct seep_points_cursor seep_points_seek(const struct seep_points *points,
                                           size_t snapshot);

/* A difference of `bytes` bytes (0 to 8), sign in its lowest bit: what to add, modulo
 * 2^64. Reads 8 bytes. */
static inline uint64_t seep_points_difference(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;

    memcpy(&value, at, sizeof(value));
    value = bytes < 8 ? value & ((UINT64_C(1) << (8 * bytes)) - 1) : value;
    return (value >> 1) ^ -(value & 1);
}

/* Goes to the next point. Returns: whether there is one. */
static inline bool seep_points_next(struct seep_points_cursor *cursor)
{
    uint64_t *const counters[] = {
        &cursor->now.counters.acquired, &cursor->now.counters.released,
        &cursor->now.counters.acquired_bytes, &cursor->now.counters.released_bytes};
    uint16_t lengths = 0;
    uint32_t gap = 0;

    if (cursor->left == 0) {
        return false;
    }
    if (cursor->chunk->next != NULL &&
        cursor->at == cursor->chunk->data + cursor->chunk->used_bytes) {
        cursor->chunk = cursor->chunk->next;
        cursor->at = cursor->chunk->data + cursor->chunk->from_bytes;
    }
    cursor->left--;
    gap = *cursor->at++;
    if (gap == SEEP_POINTS_GAP_ESCAPE) {
        memcpy(&gap, cursor->at, sizeof(gap));
        cursor->at += sizeof(gap);
    }
    cursor->now.snapshot += gap;
    memcpy(&lengths, cursor->at, sizeof(lengths));
    cursor->at += sizeof(lengths);
    for (unsigned i = 0; i < 4; i++) {
        unsigned bytes = lengths >> (SEEP_POINTS_LENGTH_BITS * i) & 15;

        *counters[i] += seep_points_difference(cursor->at, bytes);
        cursor->at += bytes;
    }
    return true;
}

#endif
