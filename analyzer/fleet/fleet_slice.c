/* Series of one instance, laid out on the grid that was asked for.
 *
 * One instance at a time is what makes the memory independent of the size of the fleet,
 * and still has all that restarts are told by: they show in all series of an instance.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/fleet_slice.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS_MOST = 8 << 20 /* 64 MiB a worker */ };

void seep_fleet_losses_add(struct seep_fleet_losses *sum,
                           const struct seep_fleet_losses *more)
{
    sum->not_finite += more->not_finite;
    sum->duplicates += more->duplicates;
    sum->out_of_order += more->out_of_order;
    sum->off_grid += more->off_grid;
    sum->cut_labels += more->cut_labels;
    sum->histograms += more->histograms;
    sum->no_name += more->no_name;
    sum->warnings += more->warnings;
    sum->partial += more->partial;
}

void seep_fleet_slice_init(struct seep_fleet_slice *slice,
                           const struct seep_fleet_labels *labels,
                           const struct seep_fleet_grid *grid)
{
    *slice = (struct seep_fleet_slice){
        .labels = labels, .grid = *grid, .points_most = POINTS_MOST};
}

void seep_fleet_slice_fini(struct seep_fleet_slice *slice)
{
    free(slice->values);
    free(slice->texts);
    seep_buf_fini(&slice->text);
    *slice = (struct seep_fleet_slice){0};
}

void seep_fleet_slice_reset(struct seep_fleet_slice *slice)
{
    slice->count = 0;
    slice->losses = (struct seep_fleet_losses){0};
    seep_buf_reset(&slice->text);
}

static int grow(struct seep_fleet_slice *slice)
{
    size_t capacity = slice->capacity * 2 + 16;
    double *values =
        realloc(slice->values, capacity * slice->grid.steps * sizeof(*values));
    size_t *texts = NULL;

    if (values == NULL) {
        return -ENOMEM;
    }
    slice->values = values;
    texts = realloc(slice->texts, capacity * SEEP_FLEET_LABELS_MAX * sizeof(*texts));
    if (texts == NULL) {
        return -ENOMEM;
    }
    slice->texts = texts;
    slice->capacity = capacity;
    return 0;
}

static int begin(void *context)
{
    struct seep_fleet_slice *slice = context;

    if (slice->count >= slice->points_most / slice->grid.steps) {
        return -EMSGSIZE;
    }
    if (slice->count == slice->capacity && grow(slice) < 0) {
        return -ENOMEM;
    }
    if (slice->text.len_bytes == 0) {
        seep_buf_put(&slice->text, "", 1);
    }
    double *values = seep_fleet_slice_values(slice, slice->count);

    for (size_t i = 0; i < slice->grid.steps; i++) {
        values[i] = NAN;
    }
    memset(slice->texts + slice->count * SEEP_FLEET_LABELS_MAX, 0,
           SEEP_FLEET_LABELS_MAX * sizeof(*slice->texts));
    slice->last = slice->grid.steps;
    return slice->text.failed ? -ENOMEM : 0;
}

/* The length of the UTF-8 character that begins here; 0: none does.
 * Source: Unicode 15, table 3-7. */
static size_t character(const char *text, size_t n)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = at[0] < 0x80                    ? 1
                    : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                    : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                    : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                    : 0;

    if (length == 0 || length > n) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f)) {
        return 0;
    }
    return length;
}

/* Copies a value cleaned: it goes to terminals and into files of other formats. */
static void put_clean(struct seep_buf *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t length = character(text + i, n - i);

        if (length == 0 || (unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            seep_buf_put(out, "?", 1);
            i++;
        } else {
            seep_buf_put(out, text + i, length);
            i += length;
        }
    }
    seep_buf_put(out, "", 1);
}

static int label(void *context, const char *name, size_t name_bytes, const char *value,
                 size_t value_bytes)
{
    struct seep_fleet_slice *slice = context;
    const struct seep_fleet_labels *labels = slice->labels;

    for (size_t i = 0; i < labels->count && value_bytes > 0; i++) {
        size_t most =
            value_bytes < SEEP_FLEET_TEXT_MAX ? value_bytes : SEEP_FLEET_TEXT_MAX - 1;

        if (strlen(labels->names[i]) != name_bytes ||
            memcmp(labels->names[i], name, name_bytes) != 0) {
            continue;
        }
        slice->losses.cut_labels += most < value_bytes;
        slice->texts[slice->count * SEEP_FLEET_LABELS_MAX + i] = slice->text.len_bytes;
        put_clean(&slice->text, value, most);
    }
    return slice->text.failed ? -ENOMEM : 0;
}

static int sample(void *context, double t_s, double value)
{
    struct seep_fleet_slice *slice = context;
    const struct seep_fleet_grid *grid = &slice->grid;
    double place = (t_s - grid->start_s) / grid->step_s + 0.5;

    if (!isfinite(value) || value < 0) {
        slice->losses.not_finite++;
        return 0;
    }
    if (!(place >= 0 && place < (double)grid->steps)) {
        slice->losses.off_grid++;
        return 0;
    }
    size_t at = (size_t)place;
    bool any = slice->last < grid->steps;

    if (any && at == slice->last) {
        slice->losses.duplicates++;
    } else if (any && at < slice->last) {
        slice->losses.out_of_order++;
    } else {
        seep_fleet_slice_values(slice, slice->count)[at] = value;
        slice->last = at;
    }
    return 0;
}

static int end(void *context)
{
    struct seep_fleet_slice *slice = context;
    const size_t *texts = slice->texts + slice->count * SEEP_FLEET_LABELS_MAX;

    if (!slice->nameless_ok && texts[SEEP_FLEET_ID] == 0 &&
        texts[SEEP_FLEET_FUNCTION] == 0) {
        slice->losses.no_name++;
        return 0;
    }
    slice->count++;
    return 0;
}

struct seep_query_sink seep_fleet_slice_sink(struct seep_fleet_slice *slice)
{
    return (struct seep_query_sink){
        .context = slice, .begin = begin, .label = label, .sample = sample, .end = end};
}

const char *seep_fleet_slice_label(const struct seep_fleet_slice *slice, size_t i,
                                   size_t label)
{
    return (const char *)slice->text.data +
           slice->texts[i * SEEP_FLEET_LABELS_MAX + label];
}
