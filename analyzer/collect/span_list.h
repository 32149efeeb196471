/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SPAN_LIST_H
#define SEEP_ANALYZER_COLLECT_SPAN_LIST_H

#include <stddef.h>

#include "waits/reach.h"

/* Stretches of memory, ascending and apart. All-zero is a valid empty list. */
struct seep_span_list {
    struct seep_span *spans; /* owned */
    size_t count, capacity;
};

void seep_span_list_fini(struct seep_span_list *list);

/* Appends one that does not start before the last one; one that touches or overlaps it
 * makes it longer; an empty one is no error. Returns: 0; -ENOMEM. */
int seep_span_list_add(struct seep_span_list *list, uint64_t start, uint64_t end);

/* Appends what of [start, end) is in none of the blocks.
 *
 * blocks: borrowed; ascending. Returns: 0; -ENOMEM. Cost: O(log n + blocks
 * within).
 */
int seep_span_list_add_between(struct seep_span_list *list, uint64_t start, uint64_t end,
                               const struct seep_reach_block *blocks, size_t n);

/* The first block that ends behind `address`; n when there is none. Cost: O(log n). */
size_t seep_span_block_from(const struct seep_reach_block *blocks, size_t n,
                            uint64_t address);

#endif
