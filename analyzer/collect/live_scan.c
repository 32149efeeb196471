/* Ages and sizes of what is alive, from the shadow of the address space.
 *
 * The table is written meanwhile. An entry is one word, so it is whole or absent; only
 * the size of a LARGE block is a second word. The shim writes the size before the entry
 * and clears the entry first, so an entry whose size word is no size is a block that went
 * away under us: it is left out.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/live_scan.h"
#include "collect/segment_view.h"
#include "seep/live_entry.h"
#include "seep/sampling.h"
#include "seep/segment_layout.h"

#include <string.h>

enum { WORD_BYTES = 8, TICK_NS = 15625000, GENERATIONS = 64 };

/* One scan's constants, and the piece of a leaf in hand. */
struct piece {
    const struct seep_segment *segment;
    const struct seep_live_scan *scan;
    struct seep_age *ages; /* oldest_ns and newest_ns in ticks until the end */
    unsigned width_shift;  /* generation width is 1 << width_shift ticks */
    uint32_t leaf;         /* 1-based */
    uint64_t leaf_at;      /* offset in the segment */
    uint64_t left;         /* entries that are still to be seen, at most */
};

uint64_t seep_live_generation_width_ns(uint64_t since_start_ns)
{
    uint64_t width_ns = TICK_NS;

    while (since_start_ns / width_ns >= GENERATIONS) {
        width_ns *= 2;
    }
    return width_ns;
}

uint64_t seep_live_scan_cost_ns(uint64_t cost_ns, uint64_t taken_then, uint64_t taken_now)
{
    double grown = taken_then != 0 ? (double)taken_now / (double)taken_then : 1;

    return (uint64_t)((double)cost_ns * (grown > 1 ? grown : 1));
}

/* The first word of the leaf that follows `leaf` in the address space; 0 when there is
 * none. Only for a LARGE block that begins in the last granule of its leaf. */
static uint64_t first_word_of_next_leaf(const struct seep_segment *segment, uint32_t leaf)
{
    enum { PIECE_ENTRIES = 1024 };
    uint32_t top[PIECE_ENTRIES + 1];
    const uint64_t piece_bytes = (uint64_t)PIECE_ENTRIES * sizeof(top[0]);
    const uint64_t end = SEEP_AT_TOP + SEEP_TOP_ENTRIES * sizeof(top[0]);
    uint64_t from = SEEP_AT_TOP;
    uint64_t word = 0;

    while (from < end) {
        uint64_t at = 0;

        if (seep_segment_read_data(segment, from, end, top, piece_bytes, &at) <= 0 ||
            at + piece_bytes >= end ||
            seep_segment_read(segment, at, top, sizeof(top)) < 0) {
            return 0;
        }
        for (size_t i = 0; i < PIECE_ENTRIES; i++) {
            uint32_t next = top[i + 1];

            if (top[i] == leaf && next > 0 && next <= segment->leaves_max) {
                uint64_t leaf_bytes = seep_leaf_bytes(segment->granule_shift);
                uint64_t leaf_at = SEEP_AT_LEAVES + (next - 1) * leaf_bytes;

                return seep_segment_read(segment, leaf_at, &word, sizeof(word)) < 0
                           ? 0
                           : word;
            }
        }
        from = at + piece_bytes;
    }
    return 0;
}

static uint64_t word_at(const struct piece *piece, uint64_t offset)
{
    uint64_t word = 0;

    if (offset >= piece->leaf_at + seep_leaf_bytes(piece->segment->granule_shift)) {
        return first_word_of_next_leaf(piece->segment, piece->leaf);
    }
    return seep_segment_read(piece->segment, offset, &word, sizeof(word)) < 0 ? 0 : word;
}

/* What a sampled block stands for, and by how much that may be wrong: one that is there
 * with chance p, counted as 1/p, has the variance (1 - p)/p, of which (1 - p)/p^2 is the
 * estimate where it is there. Rounding to whole blocks adds f(1 - f). */
static void add_sampled(struct seep_age *age, uint64_t bytes, uint64_t sample_bytes,
                        uint32_t token)
{
    const double one = 9223372036854775808.0; /* 2^63 */
    struct seep_sample_weight weight = seep_sample_weigh(bytes, sample_bytes, token);
    double blocks = one / (double)seep_sample_chance(bytes, sample_bytes);
    double fraction = blocks - (double)(uint64_t)blocks;
    double spread = blocks * (blocks - 1);

    age->samples++;
    age->live += weight.blocks;
    age->live_bytes += weight.bytes;
    age->live_variance += spread + fraction * (1 - fraction);
    age->bytes_variance += spread * (double)bytes * (double)bytes;
}

static void add_entry(const struct piece *piece, uint64_t entry, uint64_t bytes,
                      uint64_t index)
{
    struct seep_age *age = &piece->ages[seep_live_site(entry)];
    uint16_t birth = seep_live_birth(entry);
    uint64_t tick = (uint64_t)(birth & 0xfff) << (birth >> 12);
    uint64_t generation = tick >> piece->width_shift;

    if (age->live == 0 || tick < age->oldest_ns) {
        age->oldest_ns = tick;
    }
    if (tick > age->newest_ns) {
        age->newest_ns = tick;
    }
    if (piece->scan->sample_bytes != 0 &&
        piece->scan->kinds[seep_live_site(entry)] == SEEP_KIND_HEAP) {
        add_sampled(age, bytes, piece->scan->sample_bytes,
                    seep_sample_token(entry, index));
    } else {
        age->live++;
        age->live_bytes += bytes;
    }
    age->generations |= UINT64_C(1)
                        << (generation < GENERATIONS ? generation : GENERATIONS - 1);
}

static void add_word(struct piece *piece, const struct seep_segment_view *view, size_t i,
                     uint64_t entry)
{
    const struct seep_live_scan *scan = piece->scan;
    uint32_t site = seep_live_site(entry);
    uint64_t bytes = seep_live_size24(entry);

    if (site == 0 || site >= scan->site_count) {
        return;
    }
    piece->left -= scan->kinds[site] == SEEP_KIND_HEAP;
    if (scan->kinds[site] == SEEP_KIND_THREAD) {
        bytes = bytes < scan->thread_count ? scan->stack_bytes[bytes] : 0;
    } else if (bytes == SEEP_LIVE_LARGE) {
        bytes = i + 1 < view->count ? seep_segment_view_word(view, i + 1)
                                    : word_at(piece, view->at + (i + 1) * WORD_BYTES);
        if (bytes == 0 || seep_live_site(bytes) != 0) {
            return;
        }
    }
    add_entry(piece, entry, bytes, (view->at - piece->leaf_at) / WORD_BYTES + i);
}

/* Most of a table is empty: four words at a time. */
static void add_words(struct piece *piece, const struct seep_segment_view *view)
{
    size_t i = 0;

    for (; i + 4 <= view->count && piece->left > 0; i += 4) {
        uint64_t entries[4];

        for (size_t k = 0; k < 4; k++) {
            entries[k] = seep_segment_view_word(view, i + k);
        }
        if ((entries[0] | entries[1] | entries[2] | entries[3]) == 0) {
            continue;
        }
        for (size_t k = 0; k < 4 && piece->left > 0; k++) {
            add_word(piece, view, i + k, entries[k]);
        }
    }
    for (; i < view->count && piece->left > 0; i++) {
        add_word(piece, view, i, seep_segment_view_word(view, i));
    }
}

static int scan_leaf(struct piece *piece)
{
    const struct seep_live_scan *scan = piece->scan;
    struct seep_segment_view view = {0};
    uint64_t from = piece->leaf_at;
    uint64_t end = from + seep_leaf_bytes(piece->segment->granule_shift);
    int more = 1;

    while (more > 0 && piece->left > 0) {
        more = seep_segment_view_next(piece->segment, from, end, scan->scratch,
                                      scan->scratch_bytes, &view);
        if (more > 0) {
            add_words(piece, &view);
            from = view.at + view.count * WORD_BYTES;
        }
    }
    seep_segment_view_fini(&view);
    return more < 0 ? more : 0;
}

int seep_live_scan(const struct seep_segment *segment, const struct seep_live_scan *scan,
                   struct seep_age *ages)
{
    const uint64_t leaf_bytes = seep_leaf_bytes(segment->granule_shift);
    struct piece piece = {
        .segment = segment, .scan = scan, .ages = ages, .left = scan->heap_most};
    int err = 0;

    if (scan->site_count == 0) {
        return 0;
    }
    memset(ages, 0, scan->site_count * sizeof(*ages));
    while (((uint64_t)TICK_NS << piece.width_shift) < scan->generation_width_ns) {
        piece.width_shift++;
    }
    for (uint32_t leaf = 1; err == 0 && piece.left > 0 && leaf <= scan->leaf_count;
         leaf++) {
        piece.leaf = leaf;
        piece.leaf_at = SEEP_AT_LEAVES + (leaf - 1) * leaf_bytes;
        err = scan_leaf(&piece);
    }
    for (uint32_t site = 0; site < scan->site_count; site++) {
        ages[site].oldest_ns *= TICK_NS;
        ages[site].newest_ns *= TICK_NS;
    }
    return err;
}
