/* The heap's live blocks by address.
 *
 * The live table is a shadow of the address space in leaves of 256 MiB; the table of
 * leaves is read first, so that walking it in its own order gives ascending addresses.
 * What is written meanwhile may show two blocks that overlap, of which one has gone: the
 * lower is cut.
 *
 * An entry tells a block's address only to its granule. In one of 32 bytes the block may
 * begin 16 later: it is taken for 16 bytes longer, and may overlap the next by as much.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/live_blocks.h"

#include <errno.h>
#include <stdlib.h>

#include "seep/kinds.h"
#include "seep/live_entry.h"
#include "seep/segment_layout.h"

enum { ALIGN_BYTES = 16, WORD_BYTES = 8, PIECE_WORDS = 32768, TOP_PIECE = 4096 };

struct walk {
    const struct seep_segment *segment;
    const uint8_t *kinds;
    uint32_t site_count, leaf_count;
    struct seep_live_blocks list;
    size_t capacity;
    uint64_t *words;     /* scratch of PIECE_WORDS */
    bool awaiting_bytes; /* the next word is the size of the last block */
};

void seep_live_blocks_fini(struct seep_live_blocks *blocks)
{
    free(blocks->blocks);
    *blocks = (struct seep_live_blocks){0};
}

/* By how much a block may begin behind its granule's start. */
static uint64_t slack(const struct walk *walk)
{
    return (UINT64_C(1) << walk->segment->granule_shift) - ALIGN_BYTES;
}

static int append(struct walk *walk, uint64_t start, uint64_t bytes)
{
    struct seep_live_blocks *list = &walk->list;

    if (list->count == walk->capacity) {
        size_t wanted = walk->capacity > 0 ? walk->capacity * 2 : 4096;
        struct seep_reach_block *grown =
            reallocarray(list->blocks, wanted, sizeof(*grown));

        if (grown == NULL) {
            return -ENOMEM;
        }
        list->blocks = grown;
        walk->capacity = wanted;
    }
    if (list->count > 0) {
        struct seep_reach_block *last = &list->blocks[list->count - 1];

        uint64_t most = start - last->start + slack(walk);

        last->bytes = last->bytes > most ? most : last->bytes;
    }
    list->blocks[list->count++] = (struct seep_reach_block){start, bytes + slack(walk)};
    return 0;
}

/* The word behind a LARGE entry. */
static void take_large_bytes(struct walk *walk, uint64_t word)
{
    if (walk->list.count > 0 && seep_live_site(word) == 0) {
        walk->list.blocks[walk->list.count - 1].bytes = word + slack(walk);
    }
    walk->awaiting_bytes = false;
}

static int take_words(struct walk *walk, uint64_t address, size_t count)
{
    int err = 0;

    for (size_t i = 0; err == 0 && i < count; i++) {
        uint64_t entry = walk->words[i];
        uint32_t site = seep_live_site(entry);

        if (walk->awaiting_bytes) {
            take_large_bytes(walk, entry);
        }
        if (site == 0 || site >= walk->site_count ||
            walk->kinds[site] != SEEP_KIND_HEAP) {
            continue;
        }
        walk->awaiting_bytes = seep_live_size24(entry) == SEEP_LIVE_LARGE;
        err = append(walk, address + ((uint64_t)i << walk->segment->granule_shift),
                     seep_live_size24(entry));
    }
    return err;
}

static int walk_leaf(struct walk *walk, uint32_t leaf, uint64_t address)
{
    const uint64_t leaf_bytes = seep_leaf_bytes(walk->segment->granule_shift);
    const uint64_t leaf_at = SEEP_AT_LEAVES + (leaf - 1) * leaf_bytes;
    uint64_t from = leaf_at;

    for (;;) {
        uint64_t at = 0;
        int64_t bytes =
            seep_segment_read_data(walk->segment, from, leaf_at + leaf_bytes, walk->words,
                                   (size_t)PIECE_WORDS * WORD_BYTES, &at);

        if (bytes <= 0) {
            return (int)bytes;
        }
        uint64_t index = (at - leaf_at) / WORD_BYTES;
        int err = take_words(walk, address + (index << walk->segment->granule_shift),
                             (size_t)bytes / WORD_BYTES);

        if (err < 0) {
            return err;
        }
        from = at + (uint64_t)bytes;
    }
}

static int walk_top(struct walk *walk, uint32_t *top)
{
    const uint64_t end = SEEP_AT_TOP + SEEP_TOP_ENTRIES * sizeof(top[0]);
    uint64_t from = SEEP_AT_TOP;

    for (;;) {
        uint64_t at = 0;
        int64_t bytes = seep_segment_read_data(walk->segment, from, end, top,
                                               TOP_PIECE * sizeof(top[0]), &at);

        if (bytes <= 0) {
            return (int)bytes;
        }
        for (size_t i = 0; i < (size_t)bytes / sizeof(top[0]); i++) {
            uint64_t index = (at - SEEP_AT_TOP) / sizeof(top[0]) + i;
            int err = top[i] > 0 && top[i] <= walk->leaf_count
                          ? walk_leaf(walk, top[i], index << SEEP_LEAF_BITS)
                          : 0;

            if (err < 0) {
                return err;
            }
        }
        from = at + (uint64_t)bytes;
    }
}

int seep_live_blocks_read(const struct seep_segment *segment, const uint8_t *kinds,
                          uint32_t site_count, uint32_t leaf_count,
                          struct seep_live_blocks *out)
{
    struct walk walk = {.segment = segment,
                        .kinds = kinds,
                        .site_count = site_count,
                        .leaf_count = leaf_count};
    uint32_t *top = malloc(TOP_PIECE * sizeof(*top));
    int err = -ENOMEM;

    walk.words = malloc((size_t)PIECE_WORDS * WORD_BYTES);
    if (top != NULL && walk.words != NULL) {
        err = walk_top(&walk, top);
    }
    free(walk.words);
    free(top);
    if (err < 0) {
        seep_live_blocks_fini(&walk.list);
        return err;
    }
    *out = walk.list;
    return 0;
}
