/* The live table and the counters: what is acquired and released balances, in every
 * order.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "live.h"
#include "record.h"
#include "seep/live_entry.h"
#include "segment_map.h"
#include "shim_bench_self.h"

static struct seep_self *self;

static int set_up(void **state)
{
    (void)state;
    seep_live_shift = 5;
    seep_live_index_mask = (UINT64_C(1) << (SEEP_LEAF_BITS - 5)) - 1;
    shim_bench_start();
    self = shim_bench_self(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(self);
    return 0;
}

__attribute__((noinline)) static void acquire(uintptr_t address, size_t bytes)
{
    uintptr_t *frame = __builtin_frame_address(0);

    seep_record_acquire(self, SEEP_KIND_HEAP, (const void *)address, bytes,
                        (uintptr_t)(frame + 1), *frame);
}

static struct seep_counters sum(void)
{
    struct seep_counters total = {0};
    uint32_t sites = atomic_load(&seep_segment_header()->site_count);

    for (uint32_t i = 1; i < sites; i++) {
        total.acquired += self->counters[i].acquired;
        total.released += self->counters[i].released;
        total.acquired_bytes += self->counters[i].acquired_bytes;
        total.released_bytes += self->counters[i].released_bytes;
    }
    return total;
}

static void release(uintptr_t address)
{
    seep_record_settle(self, seep_record_take((const void *)address));
}

static void what_is_acquired_and_released_balances_for_every_size(void **state)
{
    const size_t sizes[] = {0,
                            1,
                            31,
                            4096,
                            SEEP_LIVE_LARGE - 1,
                            SEEP_LIVE_LARGE,
                            SEEP_LIVE_LARGE + 1,
                            (size_t)1 << 40};
    uint64_t bytes = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        acquire(0x500000000000 + i * 64, sizes[i]);
        bytes += sizes[i];
    }
    assert_int_equal(sum().acquired, 8);
    assert_int_equal(sum().acquired_bytes, bytes);
    for (size_t i = 0; i < 8; i++) {
        assert_true(seep_record_is_live((const void *)(0x500000000000 + i * 64)));
        release(0x500000000000 + i * 64);
        assert_false(seep_record_is_live((const void *)(0x500000000000 + i * 64)));
    }
    assert_int_equal(sum().released, 8);
    assert_int_equal(sum().released_bytes, bytes);
}

static void a_block_never_seen_is_released_for_nothing(void **state)
{
    (void)state;
    release(0x123456789000);
    release(0x500000000000);
    assert_int_equal(sum().released, 0);
}

static void a_release_that_failed_leaves_the_block_as_it_was(void **state)
{
    const size_t sizes[] = {100, SEEP_LIVE_LARGE + 5};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const void *address = (const void *)(0x500000001000 + i * 64);

        acquire((uintptr_t)address, sizes[i]);
        struct seep_taken taken = seep_record_take(address);

        assert_false(seep_record_is_live(address));
        seep_record_restore(address, taken);
        release((uintptr_t)address);
    }
    assert_int_equal(sum().acquired, 2);
    assert_int_equal(sum().released, 2);
    assert_int_equal(sum().released_bytes, sizes[0] + sizes[1]);
}

static void an_address_that_comes_again_without_a_release_counts_one(void **state)
{
    (void)state;
    acquire(0x500000002000, 10);
    acquire(0x500000002000, 20);
    assert_int_equal(sum().acquired, 2);
    assert_int_equal(sum().released, 1);
    assert_int_equal(sum().acquired_bytes - sum().released_bytes, 20);
}

static void neighbours_do_not_share_an_entry(void **state)
{
    (void)state;
    acquire(0x500000003010, 24);
    acquire(0x500000003030, 24);
    release(0x500000003010);
    assert_true(seep_record_is_live((const void *)0x500000003030));
}

static void an_address_beyond_the_table_is_counted_as_lost(void **state)
{
    (void)state;
    acquire(UINT64_C(1) << 50, 10);
    assert_int_equal(sum().acquired, 0);
    assert_int_equal(atomic_load(&seep_segment_header()->lost[SEEP_LOSS_LIVE_FULL]), 1);
}

static void a_full_live_table_is_counted_as_lost(void **state)
{
    (void)state;
    seep_segment_header()->leaves_max = 2;
    for (uintptr_t i = 0; i < 5; i++) {
        acquire((i + 1) << SEEP_LEAF_BITS, 10);
    }
    assert_int_equal(sum().acquired, 2);
    assert_int_equal(atomic_load(&seep_segment_header()->lost[SEEP_LOSS_LIVE_FULL]), 3);
}

static void a_large_block_in_the_last_granule_of_a_leaf_is_counted_as_lost(void **state)
{
    const uintptr_t last = (UINT64_C(0x50) << SEEP_LEAF_BITS) - 32;

    (void)state;
    acquire(last, SEEP_LIVE_LARGE);
    assert_int_equal(sum().acquired, 0);
    assert_int_equal(atomic_load(&seep_segment_header()->lost[SEEP_LOSS_LIVE_FULL]), 1);
    acquire(last, SEEP_LIVE_LARGE - 1);
    assert_int_equal(sum().acquired_bytes, SEEP_LIVE_LARGE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_large_block_in_the_last_granule_of_a_leaf_is_counted_as_lost, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(
            what_is_acquired_and_released_balances_for_every_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_block_never_seen_is_released_for_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_release_that_failed_leaves_the_block_as_it_was,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_address_that_comes_again_without_a_release_counts_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(neighbours_do_not_share_an_entry, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_address_beyond_the_table_is_counted_as_lost,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_live_table_is_counted_as_lost, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
