/* Scans of the ages, packed and read back.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load/age_scan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SCANS = 30, SITES = 900 };

static struct seep_pool_budget budget;
static struct seep_pool pool;
static struct seep_age_writer writer;
static struct seep_rec_age written[SCANS][SITES]; /* site 0: not listed */
static struct seep_rec_ages scans[SCANS];

static int start(void **state)
{
    (void)state;
    budget.left_bytes = 64 << 20;
    pool = (struct seep_pool){.budget = &budget};
    writer = (struct seep_age_writer){.budget = &budget};
    memset(written, 0, sizeof(written));
    memset(scans, 0, sizeof(scans));
    return 0;
}

static int end(void **state)
{
    (void)state;
    seep_age_writer_fini(&writer);
    seep_pool_fini(&pool);
    return 0;
}

/* Source: Steele, Lea, Flood 2014, SplitMix64. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Numbers of every width; a birth may even be younger than the youngest. */
static struct seep_rec_age make(uint64_t *state, uint32_t site)
{
    return (struct seep_rec_age){
        .site = site,
        .live = next_random(state) >> next_random(state) % 64,
        .live_bytes = next_random(state) >> next_random(state) % 64,
        .oldest_birth_ns = next_random(state) >> next_random(state) % 64,
        .newest_birth_ns = next_random(state) >> next_random(state) % 64,
        .generations = next_random(state) & next_random(state) & next_random(state)};
}

/* Two thirds of the entries stay from scan to scan, some sites come and go. Ids have
 * gaps of one and, now and then, of more than a byte holds. */
static void write_scan(size_t scan, uint64_t *state)
{
    seep_age_writer_begin(&writer);
    for (uint32_t i = 0; i < SITES; i++) {
        uint32_t site = 1 + i + i / 300 * 1000;
        struct seep_rec_age *entry = &written[scan][i];

        if (next_random(state) % 10 == 0) {
            continue;
        }
        if (scan > 0 && next_random(state) % 3 != 0) {
            *entry = written[scan - 1][i];
        }
        if (scan > 1 && entry->site == 0 && next_random(state) % 3 != 0) {
            *entry = written[scan - 2][i]; /* comes again as it was */
        }
        *entry = entry->site != 0 ? *entry : make(state, site);
        assert_int_equal(seep_age_writer_add(&writer, entry), 0);
    }
    assert_int_equal(seep_age_writer_end(&writer, &pool, &scans[scan]), 0);
}

static void assert_same(const struct seep_rec_age *a, const struct seep_rec_age *b)
{
    assert_int_equal(a->site, b->site);
    assert_int_equal(a->live, b->live);
    assert_int_equal(a->live_bytes, b->live_bytes);
    assert_int_equal(a->oldest_birth_ns, b->oldest_birth_ns);
    assert_int_equal(a->newest_birth_ns, b->newest_birth_ns);
    assert_int_equal(a->generations, b->generations);
}

static void scans_come_back_as_they_were_by_order_and_by_site(void **state)
{
    uint64_t random_state = 1;

    (void)state;
    for (size_t scan = 0; scan < SCANS; scan++) {
        write_scan(scan, &random_state);
    }
    for (size_t scan = 0; scan < SCANS; scan++) {
        struct seep_age_cursor at = seep_age_scan_start(&scans[scan]);

        for (uint32_t i = 0; i < SITES; i++) {
            uint32_t site = 1 + i + i / 300 * 1000;
            const struct seep_rec_age *expected = &written[scan][i];
            struct seep_rec_age found;

            assert_int_equal(seep_age_scan_find(&scans[scan], site, &found),
                             expected->site != 0);
            if (expected->site != 0) {
                assert_same(&found, expected);
                assert_true(seep_age_scan_next(&at));
                assert_same(&at.now, expected);
            }
        }
        assert_false(seep_age_scan_next(&at));
    }
}

static void a_site_that_no_scan_lists_is_not_found(void **state)
{
    struct seep_rec_age entry = {.site = 5, .live = 1};
    struct seep_rec_age found = {.live = 77};

    (void)state;
    assert_false(seep_age_scan_find(&scans[0], 5, &found));
    seep_age_writer_begin(&writer);
    assert_int_equal(seep_age_writer_add(&writer, &entry), 0);
    assert_int_equal(seep_age_writer_end(&writer, &pool, &scans[0]), 0);
    assert_false(seep_age_scan_find(&scans[0], 0, &found));
    assert_false(seep_age_scan_find(&scans[0], 4, &found));
    assert_false(seep_age_scan_find(&scans[0], 6, &found));
    assert_int_equal(found.live, 77);
    assert_true(seep_age_scan_find(&scans[0], 5, &found));
}

static void what_stays_costs_a_byte(void **state)
{
    struct seep_rec_age entry = {.live = 9,
                                 .oldest_birth_ns = UINT64_C(1) << 40,
                                 .newest_birth_ns = UINT64_C(1) << 40};

    (void)state;
    for (size_t scan = 0; scan < 2; scan++) {
        seep_age_writer_begin(&writer);
        for (entry.site = 1; entry.site < SITES; entry.site++) {
            assert_int_equal(seep_age_writer_add(&writer, &entry), 0);
        }
        assert_int_equal(writer.packed.len_bytes, (SITES - 1) * (scan == 0 ? 11 : 1));
        assert_int_equal(seep_age_writer_end(&writer, &pool, &scans[scan]), 0);
    }
}

static void a_spent_budget_is_said(void **state)
{
    struct seep_rec_age entry = {.site = 1 << 20};

    (void)state;
    budget.left_bytes = 4096;
    seep_age_writer_begin(&writer);
    assert_int_equal(seep_age_writer_add(&writer, &entry), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scans_come_back_as_they_were_by_order_and_by_site,
                                        start, end),
        cmocka_unit_test_setup_teardown(a_site_that_no_scan_lists_is_not_found, start,
                                        end),
        cmocka_unit_test_setup_teardown(what_stays_costs_a_byte, start, end),
        cmocka_unit_test_setup_teardown(a_spent_budget_is_said, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
