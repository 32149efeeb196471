/* The fields of a payload.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/decode_take.h"

void seep_decode_wrong(struct seep_decoder *d, const char *what)
{
    if (!seep_decode_failed(d)) {
        d->wrong = what;
    }
}

uint64_t seep_decode_u(struct seep_decoder *d)
{
    return seep_cursor_varint(&d->in);
}

uint32_t seep_decode_u32(struct seep_decoder *d)
{
    uint64_t value = seep_cursor_varint(&d->in);

    if (value > UINT32_MAX) {
        seep_decode_wrong(d, "a number beyond 32 bits");
        return 0;
    }
    return (uint32_t)value;
}

/* Never NULL but on failure. */
char *seep_decode_string(struct seep_decoder *d, struct seep_pool *pool)
{
    size_t len_bytes = 0;
    const char *text = seep_cursor_string(&d->in, &len_bytes);
    char *copy = NULL;

    if (seep_decode_failed(d)) {
        return NULL;
    }
    copy = seep_pool_take_string(pool, text, len_bytes);
    d->no_memory |= copy == NULL;
    return copy;
}

/* A count of entries that the rest of the payload has room for; 0 on failure. */
size_t seep_decode_count(struct seep_decoder *d, size_t entry_min_bytes)
{
    uint64_t count = seep_decode_u(d);

    if (count > seep_cursor_left_bytes(&d->in) / entry_min_bytes) {
        seep_decode_wrong(d, "more entries than its bytes can hold");
        return 0;
    }
    return seep_decode_failed(d) ? 0 : (size_t)count;
}

/* The head of a table's piece. Grows the table to hold it. Returns: entries to read; 0 on
 * failure. */
size_t seep_decode_piece(struct seep_decoder *d, void **table, size_t *capacity,
                         size_t *known, const size_t sizes[2], uint32_t *first)
{
    uint64_t first_id = seep_decode_u(d);
    size_t count = seep_decode_count(d, sizes[1]);

    if (seep_decode_failed(d)) {
        return 0;
    }
    if (first_id > *known) {
        seep_decode_wrong(d, "a table piece that leaves out ids");
        return 0;
    }
    if (first_id + count > UINT32_MAX) {
        seep_decode_wrong(d, "ids beyond 32 bits");
        return 0;
    }
    if (seep_pool_grow_table(&d->store->budget, table, capacity, first_id + count,
                             sizes[0]) < 0) {
        d->no_memory = true;
        return 0;
    }
    *first = (uint32_t)first_id;
    *known = *known > first_id + count ? *known : first_id + count;
    return count;
}

/* Room for one more row. Returns: false when memory is out. */
bool seep_decode_add_row(struct seep_decoder *d, void **table, size_t *capacity,
                         size_t count, size_t row_bytes)
{
    if (seep_decode_failed(d)) {
        return false;
    }
    d->no_memory = seep_pool_grow_table(&d->store->budget, table, capacity, count + 1,
                                        row_bytes) < 0;
    return !d->no_memory;
}

/* The next site id of an ascending list of differences; 0 on failure. */
uint32_t seep_decode_site(struct seep_decoder *d, uint32_t before)
{
    uint64_t delta = seep_decode_u(d);

    if (delta == 0) {
        seep_decode_wrong(d, "site ids that do not rise");
        return 0;
    }
    if (delta >= d->recording->site_count || before + delta >= d->recording->site_count) {
        seep_decode_wrong(d, "a site that no table has named");
        return 0;
    }
    return seep_decode_failed(d) ? 0 : before + (uint32_t)delta;
}
