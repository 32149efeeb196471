/* The table of mappings against an array with one word per page.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <pthread.h>

#include "mapping_table.h"
#include "segment_map.h"
#include "shim_bench_self.h"

enum {
    PAGE = 4096,
    PAGES = 2048,
    SITES = 7,
    STEPS = 4000,
    MANY = 10000,
    THREADS = 4,
    BLOCKS = 200,
    BLOCK_PAGES = 64,
    FAR_PAGES = 1000000
};
#define BASE UINT64_C(0x7f0000000000)

static struct seep_self *self;

static uintptr_t page_at(uint64_t page)
{
    return BASE + page * PAGE;
}

static void start(void)
{
    shim_bench_start();
    self = shim_bench_self(0);
}

static void add(uint64_t page, uint64_t pages, uint32_t site)
{
    seep_mapping_add(self, page_at(page), pages * PAGE, site);
}

static void drop_as(const struct seep_self *who, uint64_t page, uint64_t pages)
{
    struct seep_mapping_taken taken = {0};

    seep_mapping_take(who, page_at(page), pages * PAGE, &taken);
    seep_mapping_settle(who, &taken);
}

static void drop(uint64_t page, uint64_t pages)
{
    drop_as(self, page, pages);
}

/* A munmap that fails. */
static void try_to_drop(uint64_t page, uint64_t pages)
{
    struct seep_mapping_taken taken = {0};

    seep_mapping_take(self, page_at(page), pages * PAGE, &taken);
    seep_mapping_restore(self, &taken);
}

/* Live mappings and bytes of a site, by its counters. */
static void assert_live(uint32_t site, uint64_t mappings, uint64_t pages)
{
    const struct seep_counters *counters = &self->counters[site];

    assert_int_equal(counters->acquired - counters->released, mappings);
    assert_int_equal(counters->acquired_bytes - counters->released_bytes, pages * PAGE);
}

static uint64_t lost(enum seep_loss reason)
{
    return atomic_load(&seep_segment_header()->lost[reason]);
}

static void a_mapping_comes_and_goes(void **state)
{
    (void)state;
    start();
    add(10, 4, 3);
    assert_live(3, 1, 4);
    assert_int_equal(seep_mapping_bytes_at(page_at(10)), 4 * PAGE);
    drop(10, 4);
    assert_live(3, 0, 0);
    assert_int_equal(self->counters[3].released, 1);
    assert_int_equal(seep_mapping_bytes_at(page_at(10)), 0);
    drop(10, 4);
    assert_int_equal(self->counters[3].released, 1);
    free(self);
}

static void a_hole_in_the_middle_makes_two_of_the_same_site_and_birth(void **state)
{
    const struct seep_holding *entries = NULL;
    unsigned found = 0;

    (void)state;
    start();
    add(100, 10, 5);
    drop(104, 2);
    assert_live(5, 2, 8);
    assert_int_equal(self->counters[5].released, 0);
    assert_int_equal(seep_mapping_bytes_at(page_at(100)), 4 * PAGE);
    assert_int_equal(seep_mapping_bytes_at(page_at(106)), 4 * PAGE);
    entries = seep_segment_mappings();
    for (unsigned i = 0; i < seep_segment_header()->mapping_count; i++) {
        found += entries[i].site == 5;
    }
    assert_int_equal(found, 2);
    drop(100, 4);
    assert_live(5, 1, 4);
    drop(107, 2);
    assert_live(5, 2, 2);
    drop(90, 30); /* more than there is */
    assert_live(5, 0, 0);
    assert_int_equal(self->counters[5].acquired_bytes, 10 * PAGE);
    free(self);
}

static void a_call_that_failed_leaves_the_mappings_as_they_were(void **state)
{
    uint64_t acquired = 0;

    (void)state;
    start();
    add(10, 8, 1);
    add(18, 8, 2);
    acquired = self->counters[1].acquired;
    for (unsigned i = 0; i < 10; i++) {
        try_to_drop(10, 16);
    }
    assert_live(1, 1, 8);
    assert_live(2, 1, 8);
    assert_int_equal(self->counters[1].acquired, acquired);
    assert_int_equal(self->counters[1].released, 0);
    try_to_drop(12, 2);
    try_to_drop(15, 10);
    assert_live(1, 1, 8);
    assert_live(2, 1, 8);
    assert_int_equal(self->counters[1].acquired, acquired);
    assert_int_equal(self->counters[1].released_bytes, 0);
    drop(10, 16);
    assert_live(1, 0, 0);
    assert_live(2, 0, 0);
    assert_true(seep_mapping_is_valid());
    free(self);
}

static void more_mappings_than_can_be_put_back_are_counted(void **state)
{
    (void)state;
    start();
    for (unsigned i = 0; i < 20; i++) {
        add(i, 1, 1);
    }
    drop(0, 20);
    assert_live(1, 0, 0);
    assert_int_equal(lost(SEEP_LOSS_HOLDINGS_FULL), 0);
    for (unsigned i = 0; i < 20; i++) {
        add(i, 1, 1);
    }
    try_to_drop(0, 20);
    assert_live(1, SEEP_MAPPING_PARTS, SEEP_MAPPING_PARTS);
    assert_int_equal(lost(SEEP_LOSS_HOLDINGS_FULL), 20 - SEEP_MAPPING_PARTS);
    free(self);
}

static void
a_release_that_went_past_us_is_counted_when_the_address_comes_back(void **state)
{
    (void)state;
    start();
    add(12, 2, 2);
    add(12, 4, 3);
    assert_live(2, 0, 0);
    assert_live(3, 1, 4);
    add(12, 1, 1);
    assert_live(3, 1, 3);
    assert_true(seep_mapping_is_valid());
    free(self);
}

/* The model: 0 = nothing, else 1 + number of the addition. Runs of one number are one
 * entry. */
static uint32_t model[PAGES];
static uint32_t model_sites[STEPS + 1];

static void assert_equals_model(void)
{
    uint64_t mappings[SITES + 1] = {0};
    uint64_t pages[SITES + 1] = {0};

    for (unsigned page = 0; page < PAGES; page++) {
        unsigned run = page;

        while (run < PAGES && model[run] == model[page]) {
            run++;
        }
        if (model[page] != 0) {
            mappings[model_sites[model[page]]]++;
            pages[model_sites[model[page]]] += run - page;
            assert_int_equal(seep_mapping_bytes_at(page_at(page)), (run - page) * PAGE);
        }
        page = run - 1;
    }
    for (unsigned site = 1; site <= SITES; site++) {
        assert_live(site, mappings[site], pages[site]);
    }
    assert_true(seep_mapping_is_valid());
}

static void model_set(uint32_t page, uint32_t pages, uint32_t value)
{
    for (uint32_t i = page; i < page + pages; i++) {
        model[i] = value;
    }
}

static void random_operations_equal_a_word_per_page(void **state)
{
    unsigned seed = (unsigned)time(NULL);

    (void)state;
    (void)printf("seed %u\n", seed);
    srandom(seed);
    start();
    memset(model, 0, sizeof(model));
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint32_t page = (uint32_t)random() % PAGES;
        uint32_t pages = 1 + (uint32_t)random() % (random() % 8 == 0 ? 300 : 12);

        pages = page + pages > PAGES ? PAGES - page : pages;
        drop(page, pages); /* a munmap, or what MAP_FIXED covers */
        model_set(page, pages, 0);
        if (random() % 3 != 0) {
            model_sites[step] = 1 + (uint32_t)random() % SITES;
            add(page, pages, model_sites[step]);
            model_set(page, pages, step);
        }
        if (step % 16 == 0 || step == STEPS) {
            assert_equals_model();
        }
    }
    drop(0, PAGES);
    model_set(0, PAGES, 0);
    assert_equals_model();
    assert_int_equal(lost(SEEP_LOSS_HOLDINGS_FULL) + lost(SEEP_LOSS_NESTED), 0);
    free(self);
}

static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The fastest of some rounds over the first `count` mappings: processor time of a removal
 * and an addition. */
static double exact_removal_ns(unsigned count)
{
    double fastest_ns = 0;

    for (unsigned round = 0; round < 10; round++) {
        double ns = now_ns();

        for (unsigned i = 0; i < count; i++) {
            drop(i * 3ULL, 2);
            add(i * 3ULL, 2, 1);
        }
        ns = (now_ns() - ns) / count;
        fastest_ns = round == 0 || ns < fastest_ns ? ns : fastest_ns;
    }
    return fastest_ns;
}

/* A look through the table would take a hundred times as long among a hundred times as
 * many. */
static void an_exact_removal_does_not_read_the_table_through(void **state)
{
    double began = 0;
    double few_ns = 0;
    double many_ns = 0;

    (void)state;
    start();
    for (unsigned i = 0; i < MANY / 100; i++) {
        add(i * 3ULL, 2, 1);
    }
    few_ns = exact_removal_ns(MANY / 100);
    for (unsigned i = MANY / 100; i < MANY; i++) {
        add(i * 3ULL, 2, 1);
    }
    many_ns = exact_removal_ns(MANY);
    (void)printf("%.0f ns for a removal and an addition among %d, %.0f among %d\n",
                 few_ns, MANY / 100, many_ns, MANY);
    assert_true(many_ns < 10 * few_ns);
    began = now_ns();
    for (unsigned i = 0; i < 100; i++) {
        add(FAR_PAGES, 16, 2);
        drop(FAR_PAGES, 3);
        drop(FAR_PAGES + 11, 5);
        drop(FAR_PAGES + 3, 8);
    }
    (void)printf("%.0f ns to map, trim at both ends, unmap\n", (now_ns() - began) / 100);
    began = now_ns();
    for (unsigned i = 0; i < 20; i++) {
        drop(FAR_PAGES, 16);
    }
    (void)printf("%.0f ns to find nothing\n", (now_ns() - began) / 20);
    assert_live(1, MANY, 2 * MANY);
    assert_live(2, 0, 0);
    free(self);
}

static void a_full_table_is_counted_as_lost_and_balances(void **state)
{
    uint64_t left = 0;

    (void)state;
    start();
    for (unsigned i = 0; i < SEEP_MAPPINGS_MAX + 1000; i++) {
        add(i * 4ULL, 3, 1);
    }
    left = lost(SEEP_LOSS_HOLDINGS_FULL);
    assert_true(left >= 1000);
    assert_live(1, SEEP_MAPPINGS_MAX + 1000 - left,
                3 * (SEEP_MAPPINGS_MAX + 1000 - left));
    drop(0, 4ULL * (SEEP_MAPPINGS_MAX + 1000));
    assert_live(1, 0, 0);
    free(self);
}

static struct seep_self *selves[THREADS];
static pthread_barrier_t line;

/* Each thread unmaps every fourth page of every block. */
static void *trim(void *argument)
{
    uintptr_t number = (uintptr_t)argument;

    (void)pthread_barrier_wait(&line);
    for (unsigned block = 0; block < BLOCKS; block++) {
        for (unsigned page = (unsigned)number; page < BLOCK_PAGES; page += THREADS) {
            drop_as(selves[number], (uint64_t)block * BLOCK_PAGES + page, 1);
        }
    }
    return NULL;
}

static void threads_may_cut_the_same_mapping(void **state)
{
    pthread_t threads[THREADS];
    struct seep_counters sum = {0};

    (void)state;
    start();
    assert_int_equal(pthread_barrier_init(&line, NULL, THREADS), 0);
    for (unsigned block = 0; block < BLOCKS; block++) {
        add((uint64_t)block * BLOCK_PAGES, BLOCK_PAGES, 1);
    }
    for (uintptr_t i = 0; i < THREADS; i++) {
        selves[i] = shim_bench_self((uint32_t)i + 1);
        assert_int_equal(pthread_create(&threads[i], NULL, trim, (void *)i), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (unsigned shard = 0; shard <= THREADS; shard++) {
        const struct seep_counters *counters = &seep_segment_shard(shard)[1];

        sum.acquired += counters->acquired;
        sum.released += counters->released;
        sum.acquired_bytes += counters->acquired_bytes;
        sum.released_bytes += counters->released_bytes;
    }
    /* Whoever waits for a thread without a processor gives up some time, and says so:
     * each event is either counted or lost. */
    assert_in_range(lost(SEEP_LOSS_NESTED), 0, BLOCKS * BLOCK_PAGES / 1000);
    assert_int_equal(sum.released_bytes + lost(SEEP_LOSS_NESTED) * PAGE,
                     sum.acquired_bytes);
    if (lost(SEEP_LOSS_NESTED) == 0) {
        assert_int_equal(sum.released, sum.acquired);
    }
    assert_true(seep_mapping_is_valid());
    for (unsigned i = 0; i < THREADS; i++) {
        free(selves[i]);
    }
    (void)pthread_barrier_destroy(&line);
    free(self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapping_comes_and_goes),
        cmocka_unit_test(a_hole_in_the_middle_makes_two_of_the_same_site_and_birth),
        cmocka_unit_test(a_call_that_failed_leaves_the_mappings_as_they_were),
        cmocka_unit_test(more_mappings_than_can_be_put_back_are_counted),
        cmocka_unit_test(
            a_release_that_went_past_us_is_counted_when_the_address_comes_back),
        cmocka_unit_test(random_operations_equal_a_word_per_page),
        cmocka_unit_test(an_exact_removal_does_not_read_the_table_through),
        cmocka_unit_test(a_full_table_is_counted_as_lost_and_balances),
        cmocka_unit_test(threads_may_cut_the_same_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
