/* Points, packed.
 *
 * What changes from point to point is small, so each is written as differences: the gap
 * in snapshots (a byte, or 255 and four), the lengths of four numbers (a nibble each),
 * and the numbers themselves, in the machine's order. Lengths beside each other, instead
 * of a flag in each byte (LEB128), let a reader load eight bytes and mask: no branch per
 * byte. Differences wrap, so that any counters come back as they were written.
 *
 * Chunks that double in size up to 1,024 bytes were chosen over an array per site: it
 * would be copied as it grows, and leave half of its memory unused. The largest begin
 * with the state before them, so that nobody has to read 2,000 points for the state at
 * one snapshot; in the small ones that would be half of the memory.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/site_points.h"

#include <errno.h>

#include "load/recording_pool.h"

enum {
    CHUNK_FIRST_BYTES = 32, /* with its head: a site that changes once or twice */
    CHUNK_MAX_BYTES = 1024,
    POINT_MAX_BYTES = 1 + 4 + 2 + 4 * 8 + 8 /* the last: of whole-word stores */
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are masked as read");
_Static_assert((int)SEEP_POINTS_SLACK_BYTES <= (int)SEEP_POOL_SLACK_BYTES,
               "the pool keeps what a reader may touch");

static unsigned length_of(uint64_t value)
{
    return value == 0 ? 0 : (unsigned)(71 - __builtin_clzll(value)) / 8;
}

static size_t encode(uint32_t gap, const struct seep_counters *from,
                     const struct seep_counters *to, uint8_t *out)
{
    const uint64_t differences[] = {to->acquired - from->acquired,
                                    to->released - from->released,
                                    to->acquired_bytes - from->acquired_bytes,
                                    to->released_bytes - from->released_bytes};
    uint8_t *at = out;
    uint8_t *lengths_at = NULL;
    uint16_t lengths = 0;

    if (gap < SEEP_POINTS_GAP_ESCAPE) {
        *at++ = (uint8_t)gap;
    } else {
        *at++ = SEEP_POINTS_GAP_ESCAPE;
        memcpy(at, &gap, sizeof(gap));
        at += sizeof(gap);
    }
    lengths_at = at;
    at += sizeof(lengths);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t value = differences[i] << 1 ^ -(differences[i] >> 63);
        unsigned bytes = length_of(value);

        memcpy(at, &value, sizeof(value));
        at += bytes;
        lengths = (uint16_t)(lengths | bytes << (SEEP_POINTS_LENGTH_BITS * i));
    }
    memcpy(lengths_at, &lengths, sizeof(lengths));
    return (size_t)(at - out);
}

/* Returns: 0; -ENOMEM. */
static int add_chunk(struct seep_points *points, struct seep_pool *pool,
                     size_t need_bytes)
{
    const size_t head_bytes = offsetof(struct seep_points_chunk, data);
    struct seep_points_chunk *before = points->newest;
    struct seep_points_chunk *made = NULL;
    size_t bytes = CHUNK_FIRST_BYTES;

    if (before != NULL) {
        bytes = (points->capacity_bytes + head_bytes) * 2;
        bytes = bytes < CHUNK_MAX_BYTES ? bytes : CHUNK_MAX_BYTES;
    }
    bytes = bytes > head_bytes + need_bytes ? bytes : head_bytes + need_bytes;
    made = seep_pool_take(pool, bytes);
    if (made == NULL) {
        return -ENOMEM;
    }
    if (before != NULL) {
        before->used_bytes = points->used_bytes;
        before->next = made;
    } else {
        points->first = made;
    }
    points->newest = made;
    points->used_bytes = 0;
    points->capacity_bytes = (uint16_t)(bytes - head_bytes);
    if (bytes == CHUNK_MAX_BYTES) {
        const struct seep_points_mark mark = {.counters = points->last,
                                              .snapshot = points->last_snapshot,
                                              .count = points->count};

        memcpy(made->data, &mark, sizeof(mark));
        made->from_bytes = points->used_bytes = sizeof(mark);
    }
    return 0;
}

int seep_points_add(struct seep_points *points, struct seep_pool *pool, uint32_t snapshot,
                    const struct seep_counters *counters)
{
    uint32_t gap = snapshot - points->last_snapshot;

    if (points->capacity_bytes - points->used_bytes >= POINT_MAX_BYTES) {
        points->used_bytes =
            (uint16_t)(points->used_bytes +
                       encode(gap, &points->last, counters,
                              points->newest->data + points->used_bytes));
    } else {
        uint8_t point[POINT_MAX_BYTES];
        size_t bytes = encode(gap, &points->last, counters, point);

        if (bytes > (size_t)(points->capacity_bytes - points->used_bytes) &&
            add_chunk(points, pool, bytes) < 0) {
            return -ENOMEM;
        }
        memcpy(points->newest->data + points->used_bytes, point, bytes);
        points->used_bytes = (uint16_t)(points->used_bytes + bytes);
    }
    points->last = *counters;
    points->last_snapshot = snapshot;
    points->count++;
    return 0;
}

struct seep_points_cursor seep_points_seek(const struct seep_points *points,
                                           size_t snapshot)
{
    struct seep_points_cursor cursor = seep_points_start(points);
    const struct seep_points_chunk *chunk = points->first;

    const struct seep_points_chunk *nearest = NULL;
    struct seep_points_mark mark;

    for (; chunk != NULL; chunk = chunk->next) {
        uint32_t before = 0;

        if (chunk->from_bytes == 0) {
            continue;
        }
        memcpy(&before, chunk->data + offsetof(struct seep_points_mark, snapshot),
               sizeof(before));
        if (before > snapshot) {
            break;
        }
        nearest = chunk;
    }
    if (nearest != NULL) {
        memcpy(&mark, nearest->data, sizeof(mark));
        cursor = (struct seep_points_cursor){
            .now = {.snapshot = mark.snapshot, .counters = mark.counters},
            .chunk = nearest,
            .at = nearest->data + nearest->from_bytes,
            .left = points->count - mark.count};
    }
    return cursor;
}

struct seep_counters seep_points_at(const struct seep_points *points, size_t snapshot)
{
    struct seep_points_cursor cursor;
    struct seep_counters found;

    if (points->count != 0 && points->last_snapshot <= snapshot) {
        return points->last;
    }
    cursor = seep_points_seek(points, snapshot);
    found = cursor.now.counters;
    while (seep_points_next(&cursor) && cursor.now.snapshot <= snapshot) {
        found = cursor.now.counters;
    }
    return found;
}

struct seep_points_pair seep_points_at_both(const struct seep_points *points,
                                            size_t first, size_t last)
{
    return (struct seep_points_pair){seep_points_at(points, first),
                                     seep_points_at(points, last)};
}
