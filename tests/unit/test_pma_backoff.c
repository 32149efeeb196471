/* Waits before retries.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS ((uint64_t)1000000)

static void without_jitter_each_wait_is_twice_the_one_before(void **state)
{
    (void)state;
    for (uint32_t attempt = 0; attempt < 5; attempt++) {
        assert_int_equal(pma_backoff_ns(100 * MS, 10000 * MS, attempt, 0),
                         50 * MS << attempt);
    }
}

static void the_most_is_never_exceeded_however_often_it_failed(void **state)
{
    (void)state;
    for (uint32_t attempt = 0; attempt < 200; attempt++) {
        assert_true(pma_backoff_ns(100 * MS, 8000 * MS, attempt, UINT32_MAX) <=
                    8000 * MS);
    }
    assert_true(pma_backoff_ns(1, UINT64_MAX, 300, UINT32_MAX) > UINT64_MAX / 4);
    assert_true(pma_backoff_ns(UINT64_MAX, UINT64_MAX, 1, 0) >= UINT64_MAX / 2);
}

static void jitter_fills_the_upper_half(void **state)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    uint32_t random = 1;
    (void)state;
    for (int i = 0; i < 10000; i++) {
        random = random * 1664525 + 1013904223;
        const uint64_t wait = pma_backoff_ns(1000 * MS, 1000 * MS, 0, random);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    assert_true(least >= 500 * MS && least < 510 * MS);
    assert_true(most > 990 * MS && most <= 1000 * MS);
}

static void the_same_bits_give_the_same_wait(void **state)
{
    (void)state;
    assert_int_equal(pma_backoff_ns(7 * MS, 70 * MS, 2, 99),
                     pma_backoff_ns(7 * MS, 70 * MS, 2, 99));
    assert_int_equal(pma_backoff_ns(0, 0, 3, 99), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_jitter_each_wait_is_twice_the_one_before),
        cmocka_unit_test(the_most_is_never_exceeded_however_often_it_failed),
        cmocka_unit_test(jitter_fills_the_upper_half),
        cmocka_unit_test(the_same_bits_give_the_same_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
