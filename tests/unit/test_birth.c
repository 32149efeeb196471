/* Births: one per tick of the clock, and never an old one after the clock moved.
 *
 * SPDX-License-Identifier: MIT
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "birth.h"
#include "segment_map.h"
#include "shim_bench_self.h"

enum { NS_PER_S = 1000000000 };

static struct timespec fake_now;
static struct seep_self *self;

static int fake_clock(clockid_t clock, struct timespec *now)
{
    assert_int_equal(clock, CLOCK_MONOTONIC_COARSE);
    *now = fake_now;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    shim_bench_start();
    self = shim_bench_self(0);
    self->birth_sec = -1; /* as for a thread that begins */
    seep_birth_clock = fake_clock;
    seep_segment_header()->start_monotonic_ns = UINT64_C(1000) * NS_PER_S;
    fake_now = (struct timespec){1000, 0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(self);
    return 0;
}

static void a_birth_is_the_time_since_the_start(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t since_ns = i * 37 * 4000000;

        fake_now.tv_sec = (time_t)(1000 + since_ns / NS_PER_S);
        fake_now.tv_nsec = (long)(since_ns % NS_PER_S);
        assert_int_equal(seep_birth_now(self), seep_birth_encode(since_ns));
    }
}

static void a_clock_before_the_start_gives_zero(void **state)
{
    (void)state;
    fake_now.tv_sec = 3;
    assert_int_equal(seep_birth_now(self), 0);
}

static void a_birth_is_encoded_once_per_tick(void **state)
{
    (void)state;
    fake_now.tv_sec = 1070;
    (void)seep_birth_now(self);
    self->birth = 4242; /* to see whether it is encoded anew */
    assert_int_equal(seep_birth_now(self), 4242);
    fake_now.tv_nsec = 4000000;
    assert_int_not_equal(seep_birth_now(self), 4242);
}

static void a_tick_of_another_second_is_another_tick(void **state)
{
    uint16_t before = 0;

    (void)state;
    before = seep_birth_now(self);
    fake_now.tv_sec += 3600; /* and the same nanoseconds */
    assert_int_not_equal(seep_birth_now(self), before);
    assert_int_equal(seep_birth_now(self), seep_birth_encode(UINT64_C(3600) * NS_PER_S));
}

static void the_kernels_own_clock_is_found_and_runs(void **state)
{
    struct timespec now = {0};

    (void)state;
    seep_birth_clock = NULL;
    seep_birth_start();
    if (seep_birth_clock == NULL) {
        skip(); /* a kernel without one: the library's stays, which was taken away here */
    }
    assert_int_equal(seep_birth_clock(CLOCK_MONOTONIC_COARSE, &now), 0);
    assert_true(now.tv_sec > 0 || now.tv_nsec > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_birth_is_the_time_since_the_start),
        TEST(a_clock_before_the_start_gives_zero),
        TEST(a_birth_is_encoded_once_per_tick),
        TEST(a_tick_of_another_second_is_another_tick),
        TEST(the_kernels_own_clock_is_found_and_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
