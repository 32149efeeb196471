/* The tables of descriptors, timers and mappings, read from a segment made by hand.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/holding_read.h"
#include "seep/segment_layout.h"
#include "segment_forge.h"

enum { SCRATCH_BYTES = 65536, SITES = 8, MANY = 10000, COST_MAX_NS = 20000000 };
enum { HEAP = 1, FD = 2, TIMER = 3, MAPPING = 4 };

static const uint8_t kinds[SITES] = {[HEAP] = SEEP_KIND_HEAP,
                                     [FD] = SEEP_KIND_FD,
                                     [TIMER] = SEEP_KIND_TIMER,
                                     [MAPPING] = SEEP_KIND_MAPPING};
static uint8_t scratch[SCRATCH_BYTES];

struct scene {
    struct segment_forge forge;
    struct seep_segment segment;
    struct seep_holdings holdings;
};

static void set_up(struct scene *scene)
{
    memset(scene, 0, sizeof(*scene));
    segment_forge_open(&scene->forge, 4, 1);
    assert_int_equal(seep_segment_open(dup(scene->forge.fd), &scene->segment, NULL), 0);
}

static void tear_down(struct scene *scene)
{
    seep_holdings_fini(&scene->holdings);
    seep_segment_close(&scene->segment);
    segment_forge_close(&scene->forge);
}

static struct seep_holding_bounds bounds(uint32_t slots)
{
    return (struct seep_holding_bounds){.kinds = kinds,
                                        .site_count = SITES,
                                        .slots = slots,
                                        .scratch = scratch,
                                        .scratch_bytes = sizeof(scratch)};
}

static void read_table(struct scene *scene, enum seep_holding_table table, uint32_t slots)
{
    const struct seep_holding_bounds limits = bounds(slots);

    assert_int_equal(
        seep_holdings_read(&scene->segment, table, &limits, &scene->holdings), 0);
}

static void slots_in_use_are_read_in_order_across_holes(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene);
    segment_forge_holding(&scene.forge, SEEP_AT_FDS, 900000, FD, 0, 7);
    segment_forge_holding(&scene.forge, SEEP_AT_FDS, 3, FD, 99, 5);
    segment_forge_holding(&scene.forge, SEEP_AT_FDS, 4, 0, 0, 6);
    segment_forge_holding(&scene.forge, SEEP_AT_FDS, 5000, TIMER, 0, 6);
    read_table(&scene, SEEP_HOLDING_FDS, scene.forge.header->fd_count);
    assert_int_equal(scene.holdings.count, 3);
    assert_int_equal(scene.holdings.entries[0].slot, 3);
    assert_int_equal(scene.holdings.entries[0].bytes, 0); /* descriptors have none */
    assert_int_equal(scene.holdings.entries[1].site, TIMER);
    assert_int_equal(scene.holdings.entries[2].slot, 900000);
    assert_int_equal(seep_holdings_find(&scene.holdings, 5000)->acquired_ns, 6);
    assert_null(seep_holdings_find(&scene.holdings, 4));
    read_table(&scene, SEEP_HOLDING_FDS, 4); /* nothing beyond the count is looked at */
    assert_int_equal(scene.holdings.count, 1);
    tear_down(&scene);
}

static void sites_that_cannot_be_there_are_left_out(void **state)
{
    const struct seep_holding_bounds limits = bounds(8);
    struct seep_held held;
    struct scene scene;

    (void)state;
    set_up(&scene);
    segment_forge_holding(&scene.forge, SEEP_AT_MAPPINGS, 0, HEAP, 1, 1);
    segment_forge_holding(&scene.forge, SEEP_AT_MAPPINGS, 1, SEEP_SITES_MAX, 1, 1);
    segment_forge_holding(&scene.forge, SEEP_AT_MAPPINGS, 2, UINT32_MAX, 1, 1);
    segment_forge_holding(&scene.forge, SEEP_AT_MAPPINGS, 3, SITES, 1, 1); /* too new */
    segment_forge_holding(&scene.forge, SEEP_AT_MAPPINGS, 4, MAPPING, 4096, 1);
    read_table(&scene, SEEP_HOLDING_MAPPINGS, 8);
    assert_int_equal(scene.holdings.count, 2);
    assert_int_equal(scene.holdings.entries[0].site, 0);
    assert_int_equal(scene.holdings.entries[1].bytes, 4096);
    assert_false(seep_holdings_read_slot(&scene.segment, SEEP_HOLDING_MAPPINGS, &limits,
                                         0, &held));
    assert_true(seep_holdings_read_slot(&scene.segment, SEEP_HOLDING_MAPPINGS, &limits, 4,
                                        &held));
    assert_false(seep_holdings_read_slot(&scene.segment, SEEP_HOLDING_MAPPINGS, &limits,
                                         SEEP_MAPPINGS_MAX, &held));
    tear_down(&scene);
}

static void ages_are_added_to_those_of_the_sites(void **state)
{
    struct seep_age ages[SITES] = {0};
    struct scene scene;

    (void)state;
    set_up(&scene);
    segment_forge_holding(&scene.forge, SEEP_AT_TIMERS, 0, TIMER, 0, 30);
    segment_forge_holding(&scene.forge, SEEP_AT_TIMERS, 1, TIMER, 0, 10);
    segment_forge_holding(&scene.forge, SEEP_AT_TIMERS, 2, TIMER, 0, UINT64_MAX);
    segment_forge_holding(&scene.forge, SEEP_AT_TIMERS, 3, SITES, 0, 1);
    read_table(&scene, SEEP_HOLDING_TIMERS, 4);
    seep_holdings_age(&scene.holdings, 100, 10, ages);
    assert_int_equal(ages[TIMER].live, 3);
    assert_int_equal(ages[TIMER].oldest_ns, 10);
    assert_int_equal(ages[TIMER].newest_ns, 100); /* a birth to come is one of now */
    assert_int_equal(ages[TIMER].generations, 1 << 1 | 1 << 3 | 1 << 10);
    assert_int_equal(ages[0].live, 0);
    segment_forge_holding(&scene.forge, SEEP_AT_MAPPINGS, 0, MAPPING, 4096, 30);
    segment_forge_holding(&scene.forge, SEEP_AT_MAPPINGS, 1, MAPPING, 8192, 20);
    read_table(&scene, SEEP_HOLDING_MAPPINGS, 2);
    seep_holdings_age(&scene.holdings, 100, 1,
                      ages); /* beyond 64 generations: the last */
    assert_int_equal(ages[MAPPING].live_bytes, 12288);
    tear_down(&scene);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void ten_thousand_of_each_cost_little(void **state)
{
    struct seep_age ages[SITES] = {0};
    struct scene scene;
    uint64_t began_ns = 0;

    (void)state;
    set_up(&scene);
    for (uint32_t i = 0; i < MANY; i++) {
        segment_forge_holding(&scene.forge, SEEP_AT_FDS, i, FD, 0, i);
        segment_forge_holding(&scene.forge, SEEP_AT_MAPPINGS, i, MAPPING, 4096, i);
    }
    read_table(&scene, SEEP_HOLDING_FDS, MANY);
    began_ns = now_ns();
    read_table(&scene, SEEP_HOLDING_FDS, MANY);
    seep_holdings_age(&scene.holdings, MANY, MANY / 50, ages);
    read_table(&scene, SEEP_HOLDING_MAPPINGS, MANY);
    seep_holdings_age(&scene.holdings, MANY, MANY / 50, ages);
    uint64_t cost_ns = now_ns() - began_ns;

    print_message("10,000 descriptors and 10,000 mappings: %.2f ms\n",
                  (double)cost_ns / 1e6);
    assert_int_equal(ages[FD].live + ages[MAPPING].live, 2 * MANY);
    assert_true(cost_ns < COST_MAX_NS); /* ten times what it takes: sanitizers, load */
    tear_down(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_in_use_are_read_in_order_across_holes),
        cmocka_unit_test(sites_that_cannot_be_there_are_left_out),
        cmocka_unit_test(ages_are_added_to_those_of_the_sites),
        cmocka_unit_test(ten_thousand_of_each_cost_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
