/* What of the data segment is not the C library's.
 *
 * Taking all gaps for roots would keep alive whatever a freed chunk still mentions;
 * taking none overlooks what a program keeps in memory from sbrk. The chunks' sizes tell:
 * glibc can walk from chunk to chunk, and so can we. A chain that changes while it is
 * walked breaks, and makes a root too many: a thread is then found later, never wrongly.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/heap_gaps.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "attach/memory_copy.h"

enum {
    WINDOW_BYTES = 65536,
    HEADER_BYTES = 16, /* of a chunk, before what its owner gets */
    SIZE_AT = 8,
    LEAST_CHUNK = 32,
    FLAGS = 7,
    INFO_WORDS = 4, /* ar_ptr, prev, size, mprotect_size of struct _heap_info */
    PAGE = 4096
};

struct walk {
    uint32_t pid;
    struct seep_span heap;
    uint64_t at; /* of the window */
    size_t have;
    uint8_t window[WINDOW_BYTES];
};

static bool size_at(struct walk *walk, uint64_t chunk, uint64_t *size)
{
    uint64_t at = chunk + SIZE_AT;

    if (at < walk->at || at + sizeof(*size) > walk->at + walk->have) {
        uint64_t left = walk->heap.end > at ? walk->heap.end - at : 0;
        int64_t n =
            left < sizeof(*size)
                ? -EFAULT
                : seep_memory_read(walk->pid, at, walk->window,
                                   left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES);

        walk->at = at;
        walk->have = n > 0 ? (size_t)n : 0;
    }
    if (walk->have < sizeof(*size)) {
        return false;
    }
    memcpy(size, walk->window + (at - walk->at), sizeof(*size));
    *size &= ~(uint64_t)FLAGS;
    return *size >= LEAST_CHUNK && *size % HEADER_BYTES == 0;
}

/* Whether chunks lead to a place: `to`, or up to `slack` behind it. Returns: it; 0: no.
 */
static uint64_t leads(struct walk *walk, uint64_t from, uint64_t to, uint64_t slack)
{
    uint64_t size = 0;

    while (from < to && size_at(walk, from, &size) && size <= to + slack - from) {
        from += size;
    }
    return from >= to && from <= to + slack ? from : 0;
}

/* From a block's chunk, which starts at one of two places, to the next one's. */
static uint64_t leads_on(struct walk *walk, uint64_t chunk, bool sure, uint64_t to,
                         uint64_t slack)
{
    uint64_t found = leads(walk, chunk, to, slack);

    return found != 0 || sure ? found : leads(walk, chunk + HEADER_BYTES, to, slack);
}

int seep_heap_gaps_add(uint32_t pid, struct seep_span heap,
                       const struct seep_reach_block *blocks, size_t n,
                       struct seep_span_list *roots)
{
    struct walk *walk = malloc(sizeof(*walk));
    uint64_t chunk = heap.start; /* the last that is known */
    uint64_t used = heap.start;  /* and what is owned of it */
    bool sure = true;            /* that it starts there, and not 16 bytes behind */
    int err = 0;

    if (walk == NULL) {
        return -ENOMEM;
    }
    *walk = (struct walk){.pid = pid, .heap = heap};
    for (size_t i = seep_span_block_from(blocks, n, heap.start);
         err == 0 && i < n && blocks[i].start < heap.end; i++) {
        uint64_t to = blocks[i].start - HEADER_BYTES;
        uint64_t next = leads_on(walk, chunk, sure, to, HEADER_BYTES);

        if (next == 0) {
            err = seep_span_list_add(roots, used, blocks[i].start);
        }
        sure = next != 0;
        chunk = sure ? next : to;
        used = blocks[i].start + blocks[i].bytes;
    }
    if (err == 0 && leads_on(walk, chunk, sure, heap.end, 0) == 0) {
        err = seep_span_list_add(roots, used, heap.end);
    }
    free(walk);
    return err;
}

uint64_t seep_heap_arena_end(uint32_t pid, uint64_t start)
{
    uint64_t info[INFO_WORDS];

    if (start % SEEP_ARENA_ALIGN_BYTES != 0 ||
        seep_memory_read(pid, start, info, sizeof(info)) != (int64_t)sizeof(info)) {
        return 0;
    }
    bool is_one = info[0] != 0 && info[0] % HEADER_BYTES == 0 && info[2] > 0 &&
                  info[2] % PAGE == 0 && info[3] % PAGE == 0 && info[2] <= info[3] &&
                  info[3] <= SEEP_ARENA_ALIGN_BYTES;

    return is_one ? start + info[3] : 0;
}
