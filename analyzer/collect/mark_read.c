/* Counted marks, from the segment's hash table to rows that stay.
 *
 * Entries lie where their hash says; a recording wants rows that only get more, so that
 * each frame is whole by itself and any of them may be left out when a recording is
 * thinned. So the row of an entry is kept here.
 *
 * A label is kept as it was first seen: a program that scribbles over its segment may not
 * make a recording that contradicts itself.
 * An entry that is claimed and not yet ready has no label: it is met again at the next
 * snapshot.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/mark_read.h"

#include <stdbool.h>
#include <string.h>

#include "seep/segment_layout.h"

_Static_assert(SEEP_MARK_LABELS_MAX * sizeof(struct seep_mark_label) <= 1 << 16,
               "all labels at once");

static bool has_row(const struct seep_mark_counts *marks, uint32_t slot)
{
    for (uint32_t row = 0; row < marks->count; row++) {
        if (marks->slots[row] == slot) {
            return true;
        }
    }
    return false;
}

static void add_new_rows(struct seep_mark_counts *marks,
                         const struct seep_mark_label *table)
{
    for (uint32_t slot = 0; slot < SEEP_MARK_LABELS_MAX; slot++) {
        if (table[slot].ready != 0 && !has_row(marks, slot)) {
            memcpy(marks->labels[marks->count], table[slot].label,
                   strnlen(table[slot].label, sizeof(table[slot].label) - 1));
            marks->slots[marks->count++] = (uint16_t)slot;
        }
    }
}

int seep_mark_counts_read(struct seep_mark_counts *marks,
                          const struct seep_segment *segment, uint32_t labels,
                          void *scratch, struct seep_buf *body, uint64_t *sum)
{
    const struct seep_mark_label *table = scratch;
    int err = 0;

    seep_buf_reset(body);
    *sum = 0;
    if (labels == 0) {
        return 0;
    }
    err = seep_segment_read(segment, SEEP_AT_MARK_LABELS, scratch,
                            SEEP_MARK_LABELS_MAX * sizeof(*table));
    if (err < 0) {
        return err;
    }
    add_new_rows(marks, table);
    for (uint32_t row = 0; row < marks->count; row++) {
        *sum += table[marks->slots[row]].count;
    }
    if (*sum == marks->sum_written) {
        return 0;
    }
    seep_buf_put_varint(body, marks->count);
    for (uint32_t row = 0; row < marks->count; row++) {
        seep_buf_put_string(body, marks->labels[row]);
        seep_buf_put_varint(body, table[marks->slots[row]].count);
    }
    return 0;
}
