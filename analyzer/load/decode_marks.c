/* How often each label had been marked at each snapshot.
 *
 * A frame has every label known so far, in an order that only grows: a row is its
 * label's for ever, so that no label is looked for. A label that changes under its row
 * contradicts the format.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/decode_marks.h"

#include <string.h>

#include "load/decode_take.h"

enum { MARK_COUNT_MIN_BYTES = 2 };

/* Whether a label is what the bytes say, up to their first NUL. */
static bool is_text(const char *label, const char *bytes, size_t len_bytes)
{
    size_t len = strnlen(bytes, len_bytes);

    return strlen(label) == len && memcmp(label, bytes, len) == 0;
}

/* The label of a row, made when new. Returns: NULL on failure. */
static struct seep_rec_label *take_label(struct seep_decoder *d, size_t row)
{
    struct seep_recording *rec = d->recording;

    if (row < rec->label_count) {
        size_t len_bytes = 0;
        const char *text = seep_cursor_string(&d->in, &len_bytes);

        if (text != NULL && !is_text(rec->labels[row].text, text, len_bytes)) {
            seep_decode_wrong(d, "another label in the same row");
        }
        return seep_decode_failed(d) ? NULL : &rec->labels[row];
    }
    struct seep_rec_label label = {.text = seep_decode_string(d, &d->store->pool)};

    if (!seep_decode_add_row(d, (void **)&rec->labels, &d->store->labels, row,
                             sizeof(label))) {
        return NULL;
    }
    rec->labels[rec->label_count++] = label;
    return &rec->labels[row];
}

void seep_decode_mark_counts(struct seep_decoder *d)
{
    size_t count = 0;

    (void)seep_decode_u(d); /* when: the snapshot that follows says so */
    count = seep_decode_count(d, MARK_COUNT_MIN_BYTES);
    if (count > SEEP_MARK_LABELS_MAX) {
        seep_decode_wrong(d, "more labels than there may be");
    }
    for (size_t row = 0; row < count && !seep_decode_failed(d); row++) {
        struct seep_rec_label *label = take_label(d, row);

        if (label != NULL) {
            label->count = seep_decode_u(d);
        }
    }
}

void seep_decode_marks_settle(struct seep_decoder *d)
{
    struct seep_recording *rec = d->recording;

    for (size_t i = 0; i < rec->label_count; i++) {
        struct seep_rec_label *label = &rec->labels[i];
        const struct seep_counters now = {.acquired = label->count};

        if (label->points.last.acquired != label->count) {
            d->no_memory |= seep_points_add(&label->points, &d->store->pool,
                                            (uint32_t)rec->snapshot_count, &now) < 0;
        }
    }
}
