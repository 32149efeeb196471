/* The heap's blocks by address, against the blocks that were put into the table.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/live_blocks.h"
#include "seep/kinds.h"
#include "segment_forge.h"

enum { SITES = 3, BLOCKS = 5000 };
enum { HEAP_SITE = 1, THREAD_SITE = 2 };

static const uint8_t kinds[SITES] = {0, SEEP_KIND_HEAP, SEEP_KIND_THREAD};

static struct seep_live_blocks read_blocks(const struct segment_forge *forge)
{
    struct seep_live_blocks list = {0};
    struct seep_segment segment;

    assert_int_equal(seep_segment_open(dup(forge->fd), &segment, NULL), 0);
    assert_int_equal(
        seep_live_blocks_read(&segment, kinds, SITES, forge->header->leaf_count, &list),
        0);
    seep_segment_close(&segment);
    return list;
}

/* From the top of the address space down, over several leaves. */
static void every_block_is_found_once_in_ascending_order(void **state)
{
    const uint64_t top = UINT64_C(0x7fff00000000);
    const uint64_t step = 300000;
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 4, 16);
    for (uint64_t i = 0; i < BLOCKS; i++) {
        segment_forge_block(&forge, top - i * step / 16 * 16, HEAP_SITE, 1 + i % 1000, 0);
    }
    struct seep_live_blocks list = read_blocks(&forge);

    assert_int_equal(list.count, BLOCKS);
    for (uint64_t i = 0; i < BLOCKS; i++) {
        const struct seep_reach_block *block = &list.blocks[BLOCKS - 1 - i];

        assert_int_equal(block->start, top - i * step / 16 * 16);
        assert_int_equal(block->bytes, 1 + i % 1000);
    }
    seep_live_blocks_fini(&list);
    segment_forge_close(&forge);
}

static void large_blocks_have_their_size_from_the_next_granule(void **state)
{
    const uint64_t at = UINT64_C(0x7f0000000000);
    const uint64_t bytes = UINT64_C(3) << 30;
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 4, 4);
    segment_forge_block(&forge, at, HEAP_SITE, bytes, 0);
    struct seep_live_blocks list = read_blocks(&forge);

    assert_int_equal(list.count, 1);
    assert_int_equal(list.blocks[0].start, at);
    assert_int_equal(list.blocks[0].bytes, bytes);
    seep_live_blocks_fini(&list);
    segment_forge_close(&forge);
}

static void threads_are_no_blocks(void **state)
{
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 5, 4);
    segment_forge_block(&forge, UINT64_C(0x7f0000000000), THREAD_SITE, 3, 0);
    struct seep_live_blocks list = read_blocks(&forge);

    assert_int_equal(list.count, 0);
    seep_live_blocks_fini(&list);
    segment_forge_close(&forge);
}

static void of_two_that_overlap_the_lower_is_cut(void **state)
{
    const uint64_t at = UINT64_C(0x555500000000);
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 4, 4);
    segment_forge_block(&forge, at, HEAP_SITE, 500, 0);
    segment_forge_block(&forge, at + 160, HEAP_SITE, 32, 0);
    struct seep_live_blocks list = read_blocks(&forge);

    assert_int_equal(list.count, 2);
    assert_int_equal(list.blocks[0].bytes, 160);
    assert_int_equal(list.blocks[1].bytes, 32);
    seep_live_blocks_fini(&list);
    segment_forge_close(&forge);
}

/* glibc's blocks begin at either half of a granule, and the table does not say at which.
 */
static void a_block_covers_both_places_where_it_may_begin(void **state)
{
    const uint64_t at = UINT64_C(0x555500000000);
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 5, 4);
    segment_forge_block(&forge, at + 16, HEAP_SITE, 24, 0);
    segment_forge_block(&forge, at + 16 + 32, HEAP_SITE, 24, 0);
    struct seep_live_blocks list = read_blocks(&forge);

    assert_int_equal(list.count, 2);
    for (size_t i = 0; i < list.count; i++) {
        uint64_t block = at + 16 + 32 * i;

        assert_true(list.blocks[i].start <= block);
        assert_true(list.blocks[i].start + list.blocks[i].bytes >= block + 24);
    }
    seep_live_blocks_fini(&list);
    segment_forge_close(&forge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_block_is_found_once_in_ascending_order),
        cmocka_unit_test(large_blocks_have_their_size_from_the_next_granule),
        cmocka_unit_test(threads_are_no_blocks),
        cmocka_unit_test(of_two_that_overlap_the_lower_is_cut),
        cmocka_unit_test(a_block_covers_both_places_where_it_may_begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
