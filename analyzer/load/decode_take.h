/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_LOAD_DECODE_TAKE_H
#define SEEP_ANALYZER_LOAD_DECODE_TAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "load/recording_decode.h"

/* The fields of a payload, taken one by one. What goes wrong first is kept, and from then
 * on everything reads as 0 or NULL, so that one look at the end is enough. Owner thread.
 */
struct seep_decoder {
    struct seep_recording *recording;
    struct seep_recording_store *store;
    struct seep_cursor in;
    const char *wrong; /* what contradicts the format; NULL = nothing yet */
    bool no_memory;
    bool other_version;
    bool holds; /* changes of sites are kept for a later snapshot (decode_thin.h) */
};

static inline bool seep_decode_failed(const struct seep_decoder *d)
{
    return d->in.failed || d->wrong != NULL || d->no_memory || d->other_version;
}
/* Notes that the payload contradicts the format, in words. */
void seep_decode_wrong(struct seep_decoder *d, const char *what);
uint64_t seep_decode_u(struct seep_decoder *d);
uint32_t seep_decode_u32(struct seep_decoder *d);
/* A copy in the pool. Never NULL but on failure. */
char *seep_decode_string(struct seep_decoder *d, struct seep_pool *pool);
/* A count of entries that the rest of the payload has room for; 0 on failure. */
size_t seep_decode_count(struct seep_decoder *d, size_t entry_min_bytes);
/* The head of a table's piece. Grows the table to hold it.
 *
 * sizes: bytes of a row in memory, and of the shortest entry in the payload.
 * first: out; id of the first entry.
 * Returns: entries to read; 0 on failure.
 */
size_t seep_decode_piece(struct seep_decoder *d, void **table, size_t *capacity,
                         size_t *known, const size_t sizes[static 2], uint32_t *first);
/* The next site id of an ascending list of differences; 0 on failure. */
uint32_t seep_decode_site(struct seep_decoder *d, uint32_t before);
/* The same; the call is only made where something is wrong, or the step is long. */
static inline uint32_t seep_decode_near_site(struct seep_decoder *d, uint32_t before)
{
    const uint8_t *at = d->in.at;

    if (d->in.failed || at >= d->in.end || *at == 0 || *at >= 0x80 ||
        (uint64_t)before + *at >= d->recording->site_count) {
        return seep_decode_site(d, before);
    }
    d->in.at++;
    return before + *at;
}
/* Room for one more row. Returns: false when memory is out. */
bool seep_decode_add_row(struct seep_decoder *d, void **table, size_t *capacity,
                         size_t count, size_t row_bytes);

#endif
