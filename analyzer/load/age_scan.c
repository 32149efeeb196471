/* Scans of the ages, packed.
 *
 * Most sites of a big program are as they were at the scan before: an entry then is one
 * byte, the gap to the site before it and a flag. The others are a gap, the lengths of
 * four numbers (a nibble each) and the numbers, as points are (site_points.c); the mask
 * of generations, of which few are alive, is a byte that says which of its eight bytes
 * follow.
 *
 * Each KEY_EVERY-th scan says everything, so that a look-up goes back through few. Every
 * BLOCK entries a table says where the next begins. Rejected: a list per site, as points
 * are kept, which would have to note each site that a scan does not list, at the cost of
 * all sites for a scan of none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/age_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 32,    /* entries */
    KEY_EVERY = 8, /* scans */
    SAME = 0x80,   /* of a gap's byte: as in the scan before */
    GAP_ESCAPE = 0x7f,
    NUMBERS = 4,
    LENGTH_BITS = 4,
    /* gap, lengths, numbers, mask and its bytes, and the last: of whole-word stores */
    ENTRY_MAX_BYTES = 1 + 4 + 2 + NUMBERS * 8 + 1 + 8 + 8
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are masked as read");
_Static_assert((int)SEEP_POOL_SLACK_BYTES >= 8, "a number is read as a whole word");

struct seep_age_state { /* of a site */
    struct seep_rec_age entry;
    uint32_t scan; /* that listed it last, from 1; 0: none */
};

static uint64_t take_number(const uint8_t **at, unsigned bytes)
{
    uint64_t value = 0;

    memcpy(&value, *at, sizeof(value));
    *at += bytes;
    return bytes < 8 ? value & ((UINT64_C(1) << (8 * bytes)) - 1) : value;
}

static uint64_t take_mask(const uint8_t **at)
{
    uint8_t which = *(*at)++;
    uint64_t mask = 0;

    for (; which != 0; which &= (uint8_t)(which - 1)) {
        mask |= (uint64_t) * (*at)++ << (8 * __builtin_ctz(which));
    }
    return mask;
}

/* Reads an entry; site: of the one before, becomes its own. Returns: whether it is as in
 * the scan before, and nothing else is known. */
static bool take_entry(const uint8_t **at, struct seep_rec_age *entry)
{
    uint8_t head = *(*at)++;
    uint32_t gap = head & GAP_ESCAPE;
    uint16_t lengths = 0;
    uint64_t numbers[NUMBERS];

    if (gap == GAP_ESCAPE) {
        memcpy(&gap, *at, sizeof(gap));
        *at += sizeof(gap);
    }
    entry->site += gap;
    if ((head & SAME) != 0) {
        return true;
    }
    memcpy(&lengths, *at, sizeof(lengths));
    *at += sizeof(lengths);
    for (unsigned i = 0; i < NUMBERS; i++) {
        numbers[i] = take_number(at, lengths >> (LENGTH_BITS * i) & 15);
    }
    entry->live = numbers[0];
    entry->live_bytes = numbers[1];
    entry->oldest_birth_ns = numbers[2];
    entry->newest_birth_ns = numbers[2] + numbers[3];
    entry->generations = take_mask(at);
    return false;
}

/* Where the entries from some way before a site begin. Returns: how many there are from
 * there to the next block's. */
static size_t go_near(const struct seep_rec_ages *scan, uint32_t site, const uint8_t **at,
                      uint32_t *site_before)
{
    size_t low = 0;
    size_t high = scan->block_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (scan->blocks[middle].site_before < site) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *at = scan->packed + scan->blocks[low].at;
    *site_before = scan->blocks[low].site_before;
    return scan->count - low * BLOCK < BLOCK ? scan->count - low * BLOCK : BLOCK;
}

bool seep_age_scan_find(const struct seep_rec_ages *scan, uint32_t site,
                        struct seep_rec_age *out)
{
    for (; scan->count != 0; scan--) { /* the first scan says everything */
        struct seep_rec_age entry = {0};
        const uint8_t *at = NULL;
        size_t left = go_near(scan, site, &at, &entry.site);
        bool same = false;

        while (left > 0 && entry.site < site) {
            same = take_entry(&at, &entry);
            left--;
        }
        if (entry.site != site || site == 0) {
            return false;
        }
        if (!same) {
            *out = entry;
            return true;
        }
    }
    return false;
}

struct seep_age_cursor seep_age_scan_start(const struct seep_rec_ages *scan)
{
    return (struct seep_age_cursor){
        .scan = scan, .at = scan->packed, .left = scan->count};
}

bool seep_age_scan_next(struct seep_age_cursor *cursor)
{
    if (cursor->left == 0) {
        return false;
    }
    cursor->left--;
    return !take_entry(&cursor->at, &cursor->now) ||
           seep_age_scan_find(cursor->scan - 1, cursor->now.site, &cursor->now);
}

void seep_age_writer_begin(struct seep_age_writer *writer)
{
    seep_buf_reset(&writer->packed);
    seep_buf_reset(&writer->blocks);
    writer->scan++;
    writer->site = 0;
    writer->count = 0;
}

static uint8_t *put_mask(uint8_t *at, uint64_t mask)
{
    uint8_t *which_at = at++;
    uint8_t which = 0;

    for (unsigned i = 0; i < sizeof(mask); i++) {
        uint8_t byte = (uint8_t)(mask >> (8 * i));

        if (byte != 0) {
            which |= (uint8_t)(1U << i);
            *at++ = byte;
        }
    }
    *which_at = which;
    return at;
}

static size_t encode(uint32_t gap, bool same, const struct seep_rec_age *entry,
                     uint8_t *out)
{
    const uint64_t numbers[NUMBERS] = {entry->live, entry->live_bytes,
                                       entry->oldest_birth_ns,
                                       entry->newest_birth_ns - entry->oldest_birth_ns};
    uint8_t *at = out;
    uint8_t *lengths_at = NULL;
    uint16_t lengths = 0;

    *at++ = (uint8_t)((gap < GAP_ESCAPE ? gap : GAP_ESCAPE) | (same ? SAME : 0));
    if (gap >= GAP_ESCAPE) {
        memcpy(at, &gap, sizeof(gap));
        at += sizeof(gap);
    }
    if (same) {
        return (size_t)(at - out);
    }
    lengths_at = at;
    at += sizeof(lengths);
    for (unsigned i = 0; i < NUMBERS; i++) {
        unsigned bytes =
            numbers[i] == 0 ? 0 : (unsigned)(71 - __builtin_clzll(numbers[i])) / 8;

        memcpy(at, &numbers[i], sizeof(numbers[i]));
        at += bytes;
        lengths = (uint16_t)(lengths | bytes << (LENGTH_BITS * i));
    }
    memcpy(lengths_at, &lengths, sizeof(lengths));
    return (size_t)(put_mask(at, entry->generations) - out);
}

static bool is_same(const struct seep_rec_age *a, const struct seep_rec_age *b)
{
    return a->live == b->live && a->live_bytes == b->live_bytes &&
           a->oldest_birth_ns == b->oldest_birth_ns &&
           a->newest_birth_ns == b->newest_birth_ns && a->generations == b->generations;
}

int seep_age_writer_add(struct seep_age_writer *writer, const struct seep_rec_age *entry)
{
    struct seep_age_state *last = NULL;
    bool same = false;

    if (writer->packed.len_bytes > UINT32_MAX - ENTRY_MAX_BYTES ||
        seep_pool_grow_table(writer->budget, (void **)&writer->last,
                             &writer->last_capacity, (size_t)entry->site + 1,
                             sizeof(*writer->last)) < 0 ||
        seep_buf_reserve(&writer->packed, ENTRY_MAX_BYTES) < 0) {
        return -ENOMEM;
    }
    if (writer->count % BLOCK == 0) {
        struct seep_age_block block = {.site_before = writer->site,
                                       .at = (uint32_t)writer->packed.len_bytes};

        seep_buf_put(&writer->blocks, &block, sizeof(block));
    }
    last = &writer->last[entry->site];
    same = writer->scan % KEY_EVERY != 1 && last->scan == writer->scan - 1 &&
           last->scan != 0 && is_same(&last->entry, entry);
    writer->packed.len_bytes += encode(entry->site - writer->site, same, entry,
                                       writer->packed.data + writer->packed.len_bytes);
    if (!same) {
        last->entry = *entry;
    }
    last->scan = writer->scan;
    writer->site = entry->site;
    writer->count++;
    return writer->blocks.failed ? -ENOMEM : 0;
}

int seep_age_writer_end(struct seep_age_writer *writer, struct seep_pool *pool,
                        struct seep_rec_ages *scan)
{
    uint8_t *packed = NULL;
    void *blocks = NULL;

    if (writer->count == 0) {
        return 0;
    }
    packed = seep_pool_take(pool, writer->packed.len_bytes);
    blocks = seep_pool_take(pool, writer->blocks.len_bytes);
    if (packed == NULL || blocks == NULL) {
        return -ENOMEM;
    }
    memcpy(packed, writer->packed.data, writer->packed.len_bytes);
    memcpy(blocks, writer->blocks.data, writer->blocks.len_bytes);
    scan->count = writer->count;
    scan->packed = packed;
    scan->blocks = blocks;
    scan->block_count =
        (uint32_t)(writer->blocks.len_bytes / sizeof(struct seep_age_block));
    return 0;
}

void seep_age_writer_fini(struct seep_age_writer *writer)
{
    free(writer->last);
    seep_buf_fini(&writer->packed);
    seep_buf_fini(&writer->blocks);
    *writer = (struct seep_age_writer){0};
}
