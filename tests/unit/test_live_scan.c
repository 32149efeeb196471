/* The scan of the live table against a reference that counts the same blocks in a plain
 * array.
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

#include "collect/live_scan.h"
#include "seep/live_entry.h"
#include "segment_forge.h"

enum { SCRATCH_BYTES = 65536, SITES = 64, TICK_NS = 15625000 };

#define HEAP_AT    UINT64_C(0x555500000000)
#define LEAF_BYTES (UINT64_C(1) << SEEP_LEAF_BITS)

static uint8_t scratch[SCRATCH_BYTES];
static struct seep_age ages[SITES];

static void scan_for(const struct segment_forge *forge, const uint8_t *kinds,
                     const uint64_t *stacks, uint32_t threads, uint64_t now_ns,
                     uint64_t heap_most)
{
    struct seep_segment segment;
    struct seep_live_scan request = {.kinds = kinds,
                                     .stack_bytes = stacks,
                                     .site_count = SITES,
                                     .thread_count = threads,
                                     .leaf_count = forge->header->leaf_count,
                                     .generation_width_ns =
                                         seep_live_generation_width_ns(now_ns),
                                     .heap_most = heap_most,
                                     .scratch = scratch,
                                     .scratch_bytes = sizeof(scratch)};

    assert_int_equal(seep_segment_open(dup(forge->fd), &segment, NULL), 0);
    assert_int_equal(seep_live_scan(&segment, &request, ages), 0);
    seep_segment_close(&segment);
}

static void scan(const struct segment_forge *forge, const uint8_t *kinds,
                 const uint64_t *stacks, uint32_t threads, uint64_t now_ns)
{
    scan_for(forge, kinds, stacks, threads, now_ns, UINT64_MAX);
}

static void generations_double_in_width_and_always_fit(void **state)
{
    (void)state;
    assert_int_equal(seep_live_generation_width_ns(0), TICK_NS);
    assert_int_equal(seep_live_generation_width_ns(UINT64_C(999999999)), TICK_NS);
    assert_int_equal(seep_live_generation_width_ns(UINT64_C(1000000000)), 2 * TICK_NS);
    for (uint64_t t = 1; t < UINT64_C(1) << 62; t *= 3) {
        assert_true(t / seep_live_generation_width_ns(t) < 64);
    }
}

static void live_blocks_bytes_and_ages_are_exact(void **state)
{
    static struct seep_age truth[SITES];
    static uint8_t kinds[SITES];
    const uint64_t now_ns = UINT64_C(50000000000);
    struct segment_forge forge;

    (void)state;
    srandom(42);
    memset(truth, 0, sizeof(truth));
    memset(kinds, SEEP_KIND_HEAP, sizeof(kinds));
    segment_forge_open(&forge, 5, 8);
    for (uint64_t i = 0; i < 30000; i++) {
        uint64_t address = HEAP_AT + i * 4096 * 15;
        uint32_t site = 1 + (uint32_t)random() % (SITES - 1);
        uint64_t size = (uint64_t)random() % 1000;
        uint64_t birth_ns = (uint64_t)random() % now_ns / TICK_NS * TICK_NS;
        uint64_t generation = birth_ns / seep_live_generation_width_ns(now_ns);
        struct seep_age *age = &truth[site];

        segment_forge_block(&forge, address, site, size, birth_ns);
        if (i % 5 == 0) {
            *segment_forge_entry(&forge, address) = 0; /* freed */
            continue;
        }
        age->oldest_ns =
            age->live == 0 || birth_ns < age->oldest_ns ? birth_ns : age->oldest_ns;
        age->newest_ns = birth_ns > age->newest_ns ? birth_ns : age->newest_ns;
        age->live++;
        age->live_bytes += size;
        age->generations |= UINT64_C(1) << generation;
    }
    scan(&forge, kinds, NULL, 0, now_ns);
    assert_memory_equal(ages, truth, sizeof(truth));
    segment_forge_close(&forge);
}

static void a_large_block_has_its_size_beside_it(void **state)
{
    static uint8_t kinds[SITES] = {[3] = SEEP_KIND_HEAP};
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 4, 8);
    segment_forge_block(&forge, HEAP_AT, 3, UINT64_C(5) << 30, 0);
    /* at the end of a piece that is read at once */
    segment_forge_block(&forge, HEAP_AT + SCRATCH_BYTES / 8 * 16 - 16, 3, SEEP_LIVE_LARGE,
                        0);
    scan(&forge, kinds, NULL, 0, 0);
    assert_int_equal(ages[3].live, 2);
    assert_int_equal(ages[3].live_bytes, (UINT64_C(5) << 30) + SEEP_LIVE_LARGE);
    segment_forge_close(&forge);
}

static void
a_large_block_in_the_last_granule_of_its_leaf_finds_its_size_in_the_next(void **state)
{
    static uint8_t kinds[SITES] = {[3] = SEEP_KIND_HEAP};
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 5, 8);
    (void)segment_forge_entry(&forge, HEAP_AT + 5 * LEAF_BYTES); /* leaves out of order */
    segment_forge_block(&forge, HEAP_AT + LEAF_BYTES - 32, 3, UINT64_C(100) << 20, 0);
    scan(&forge, kinds, NULL, 0, 0);
    assert_int_equal(ages[3].live, 1);
    assert_int_equal(ages[3].live_bytes, UINT64_C(100) << 20);
    segment_forge_close(&forge);
}

static void a_large_block_that_goes_away_meanwhile_is_left_out(void **state)
{
    static uint8_t kinds[SITES] = {[3] = SEEP_KIND_HEAP, [4] = SEEP_KIND_HEAP};
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 5, 1);
    segment_forge_block(&forge, HEAP_AT, 3, UINT64_C(1) << 30, 0);
    segment_forge_block(&forge, HEAP_AT + 32, 4, 10,
                        0); /* another block where the size was */
    scan(&forge, kinds, NULL, 0, 0);
    assert_int_equal(ages[3].live, 0);
    assert_int_equal(ages[4].live, 1);
    segment_forge_close(&forge);
}

static void a_thread_counts_the_bytes_of_its_stack(void **state)
{
    static uint8_t kinds[SITES] = {[2] = SEEP_KIND_THREAD};
    static const uint64_t stacks[] = {0, 8 << 20, 64 << 10};
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 5, 1);
    *segment_forge_entry(&forge, HEAP_AT) = seep_live_pack(2, 1, 0);
    *segment_forge_entry(&forge, HEAP_AT + 64) = seep_live_pack(2, 2, 0);
    *segment_forge_entry(&forge, HEAP_AT + 128) =
        seep_live_pack(2, 77777, 0); /* no such slot */
    scan(&forge, kinds, stacks, 3, 0);
    assert_int_equal(ages[2].live, 3);
    assert_int_equal(ages[2].live_bytes, (8 << 20) + (64 << 10));
    segment_forge_close(&forge);
}

static void sites_that_are_not_known_yet_are_left_out(void **state)
{
    static uint8_t kinds[SITES];
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 5, 1);
    segment_forge_block(&forge, HEAP_AT, SITES, 10, 0);
    segment_forge_block(&forge, HEAP_AT + 64, (1 << 24) - 1, 10, 0);
    scan(&forge, kinds, NULL, 0, 0);
    for (int i = 0; i < SITES; i++) {
        assert_int_equal(ages[i].live, 0);
    }
    segment_forge_close(&forge);
}

static void a_scan_ends_where_it_has_seen_all_that_there_are(void **state)
{
    static uint8_t kinds[SITES] = {[3] = SEEP_KIND_HEAP, [4] = SEEP_KIND_HEAP};
    const uint64_t last = HEAP_AT + 2 * LEAF_BYTES + 64;
    struct segment_forge forge;

    (void)state;
    segment_forge_open(&forge, 5, 8);
    segment_forge_block(&forge, HEAP_AT, 3, 10, 0);
    segment_forge_block(&forge, HEAP_AT + 32, 3, UINT64_C(5) << 30, 0);
    segment_forge_block(&forge, last, 4, 20, 0);
    scan_for(&forge, kinds, NULL, 0, 0, 3);
    assert_int_equal(ages[3].live, 2);
    assert_int_equal(ages[3].live_bytes, (UINT64_C(5) << 30) + 10);
    assert_int_equal(ages[4].live, 1);
    scan_for(&forge, kinds, NULL, 0, 0, 2); /* and does not look further */
    assert_int_equal(ages[3].live_bytes, (UINT64_C(5) << 30) + 10);
    assert_int_equal(ages[4].live, 0);
    scan_for(&forge, kinds, NULL, 0, 0, 0);
    assert_int_equal(ages[3].live, 0);
    segment_forge_close(&forge);
}

static void a_scan_costs_more_as_the_table_grows_and_never_less(void **state)
{
    (void)state;
    assert_int_equal(seep_live_scan_cost_ns(1000, 1 << 20, 64 << 20), 64000);
    assert_int_equal(seep_live_scan_cost_ns(1000, 64 << 20, 1 << 20), 1000);
    assert_int_equal(seep_live_scan_cost_ns(1000, 0, 64 << 20), 1000);
    assert_int_equal(seep_live_scan_cost_ns(0, 0, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generations_double_in_width_and_always_fit),
        cmocka_unit_test(live_blocks_bytes_and_ages_are_exact),
        cmocka_unit_test(a_large_block_has_its_size_beside_it),
        cmocka_unit_test(
            a_large_block_in_the_last_granule_of_its_leaf_finds_its_size_in_the_next),
        cmocka_unit_test(a_large_block_that_goes_away_meanwhile_is_left_out),
        cmocka_unit_test(a_thread_counts_the_bytes_of_its_stack),
        cmocka_unit_test(sites_that_are_not_known_yet_are_left_out),
        cmocka_unit_test(a_scan_ends_where_it_has_seen_all_that_there_are),
        cmocka_unit_test(a_scan_costs_more_as_the_table_grows_and_never_less),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
