/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SEGMENT_VIEW_H
#define SEEP_ANALYZER_COLLECT_SEGMENT_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "collect/segment_read.h"

/* A piece of a segment to look at: mapped where it is large, copied otherwise. Its words
 * may change under the reader, who loads each of them once (seep_segment_view_word). */
struct seep_segment_view {
    const uint64_t *words; /* borrowed; until the next call */
    size_t count;
    uint64_t at;  /* offset of the first */
    void *mapped; /* owned; NULL: none */
    size_t mapped_bytes;
    uint64_t run_end; /* of the pages without a hole that it is part of */
};

/* The next piece at or after `from` that has pages.
 *
 * from, end: byte offsets, multiples of 8; nothing at or beyond `end` is seen.
 * scratch:   borrowed; room for `scratch_bytes` bytes (a multiple of 4,096).
 * view:      in/out; all-zero before the first call, whose `from` no later one is below.
 *            Of the last call, too, it is to be given to seep_segment_view_fini.
 * Returns: 1; 0 when no page exists up to `end`; -errno (view is empty then).
 */
int seep_segment_view_next(const struct seep_segment *segment, uint64_t from,
                           uint64_t end, void *scratch, size_t scratch_bytes,
                           struct seep_segment_view *view);
void seep_segment_view_fini(struct seep_segment_view *view);

static inline uint64_t seep_segment_view_word(const struct seep_segment_view *view,
                                              size_t i)
{
    return __atomic_load_n(&view->words[i], __ATOMIC_RELAXED);
}

#endif
