/* Births: one per tick, by the clock when there is none, and never an old one after it.
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
    self->birth_tick = SEEP_BIRTH_NO_TICK; /* as for a thread that begins */
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

static void tick_is(uint64_t tick)
{
    atomic_store(&((struct seep_tick *)seep_segment_tick())->tick, tick);
}

static void a_birth_is_made_once_per_tick(void **state)
{
    (void)state;
    tick_is(1);
    fake_now.tv_sec = 1070;
    assert_int_equal(seep_birth_now(self), seep_birth_encode(UINT64_C(70) * NS_PER_S));
    fake_now.tv_sec = 1080;
    assert_int_equal(seep_birth_now(self), seep_birth_encode(UINT64_C(70) * NS_PER_S));
    tick_is(2);
    assert_int_equal(seep_birth_now(self), seep_birth_encode(UINT64_C(80) * NS_PER_S));
}

/* No collector yet, or none any more. */
static void without_a_tick_the_clock_is_asked_each_time(void **state)
{
    (void)state;
    for (uint64_t since_s = 1; since_s < 100; since_s++) {
        tick_is(since_s == 50 ? 7 : 0);
        fake_now.tv_sec = (time_t)(1000 + since_s);
        assert_int_equal(seep_birth_now(self), seep_birth_encode(since_s * NS_PER_S));
    }
}

/* The tick of a thread that begins is not yet any, whatever the collector says. */
static void the_first_block_asks_the_clock(void **state)
{
    (void)state;
    tick_is(0);
    self->birth = 4242;
    assert_int_equal(seep_birth_now(self), 0);
    self->birth = 4242;
    self->birth_tick = SEEP_BIRTH_NO_TICK;
    tick_is(3);
    assert_int_equal(seep_birth_now(self), 0);
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
        TEST(a_birth_is_made_once_per_tick),
        TEST(without_a_tick_the_clock_is_asked_each_time),
        TEST(the_first_block_asks_the_clock),
        TEST(the_kernels_own_clock_is_found_and_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
