/* Stretches of memory, and what of them is left between blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/span_list.h"

#include <errno.h>
#include <stdlib.h>

void seep_span_list_fini(struct seep_span_list *list)
{
    free(list->spans);
    *list = (struct seep_span_list){0};
}

int seep_span_list_add(struct seep_span_list *list, uint64_t start, uint64_t end)
{
    struct seep_span *last = list->count > 0 ? &list->spans[list->count - 1] : NULL;

    if (start >= end) {
        return 0;
    }
    if (last != NULL && start <= last->end) {
        last->end = end > last->end ? end : last->end;
        return 0;
    }
    if (list->count == list->capacity) {
        size_t wanted = list->capacity > 0 ? list->capacity * 2 : 64;
        struct seep_span *grown = reallocarray(list->spans, wanted, sizeof(*grown));

        if (grown == NULL) {
            return -ENOMEM;
        }
        list->spans = grown;
        list->capacity = wanted;
    }
    list->spans[list->count++] = (struct seep_span){start, end};
    return 0;
}

size_t seep_span_block_from(const struct seep_reach_block *blocks, size_t n,
                            uint64_t address)
{
    size_t from = 0;
    size_t to = n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (blocks[middle].start + blocks[middle].bytes <= address) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

int seep_span_list_add_between(struct seep_span_list *list, uint64_t start, uint64_t end,
                               const struct seep_reach_block *blocks, size_t n)
{
    int err = 0;

    for (size_t i = seep_span_block_from(blocks, n, start);
         err == 0 && i < n && blocks[i].start < end; i++) {
        if (blocks[i].start > start) {
            err = seep_span_list_add(list, start, blocks[i].start);
        }
        if (blocks[i].start + blocks[i].bytes > start) {
            start = blocks[i].start + blocks[i].bytes;
        }
    }
    return err == 0 ? seep_span_list_add(list, start, end) : err;
}
