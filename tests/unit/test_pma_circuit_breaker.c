/* The circuit breaker, with a clock of the test's own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/circuit_breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define THRESHOLD 3
#define OPEN_NS   1000

static struct pma_breaker breaker;

static int reset(void **state)
{
    (void)state;
    pma_breaker_init(&breaker, THRESHOLD, OPEN_NS);
    return 0;
}

/* Admits at `now_ns` and expects so. Returns: whether it is the probe. */
static bool admit(uint64_t now_ns)
{
    bool probe = false;
    uint64_t retry_after_ns = 0;
    assert_true(pma_breaker_admit(&breaker, now_ns, &probe, &retry_after_ns));
    return probe;
}

static void refuse(uint64_t now_ns, uint64_t retry_after_expected_ns)
{
    bool probe = true;
    uint64_t retry_after_ns = 77;
    assert_false(pma_breaker_admit(&breaker, now_ns, &probe, &retry_after_ns));
    assert_false(probe);
    assert_int_equal(retry_after_ns, retry_after_expected_ns);
}

static void open_at(uint64_t now_ns)
{
    for (int i = 0; i < THRESHOLD; i++) {
        pma_breaker_fail(&breaker, now_ns, admit(now_ns));
    }
}

static void failures_below_the_threshold_leave_it_closed(void **state)
{
    (void)state;
    for (int i = 0; i < THRESHOLD - 1; i++) {
        pma_breaker_fail(&breaker, 10, admit(10));
    }
    assert_int_equal(pma_breaker_state(&breaker, 10), PMA_CIRCUIT_CLOSED);
    assert_false(admit(10));
}

static void a_success_between_failures_starts_the_count_anew(void **state)
{
    (void)state;
    for (int i = 0; i < 10 * THRESHOLD; i++) {
        if (i % THRESHOLD == THRESHOLD - 1) {
            pma_breaker_succeed(&breaker, admit(10));
        } else {
            pma_breaker_fail(&breaker, 10, admit(10));
        }
    }
    assert_int_equal(pma_breaker_state(&breaker, 10), PMA_CIRCUIT_CLOSED);
}

static void the_threshold_opens_it_for_its_time(void **state)
{
    (void)state;
    open_at(10);
    assert_int_equal(pma_breaker_state(&breaker, 10), PMA_CIRCUIT_OPEN);
    refuse(11, OPEN_NS - 1);
    refuse(10 + OPEN_NS - 1, 1);
    assert_int_equal(pma_breaker_state(&breaker, 10 + OPEN_NS), PMA_CIRCUIT_HALF_OPEN);
    assert_int_equal(breaker.openings, 1);
}

static void half_open_admits_exactly_one_probe(void **state)
{
    (void)state;
    open_at(10);
    assert_true(admit(10 + OPEN_NS));
    for (int i = 0; i < 100; i++) {
        refuse(10 + OPEN_NS + (uint64_t)i * OPEN_NS, 0);
    }
}

static void a_probe_that_succeeds_closes_it(void **state)
{
    (void)state;
    open_at(10);
    pma_breaker_succeed(&breaker, admit(2000));
    assert_int_equal(pma_breaker_state(&breaker, 2000), PMA_CIRCUIT_CLOSED);
    assert_int_equal(breaker.failures, 0);
    assert_false(admit(2000));
    assert_false(admit(2000));
}

static void a_probe_that_fails_opens_it_for_as_long_again(void **state)
{
    (void)state;
    open_at(10);
    pma_breaker_fail(&breaker, 2500, admit(2000));
    refuse(2501, OPEN_NS - 1);
    assert_true(admit(2500 + OPEN_NS));
    assert_int_equal(breaker.openings, 2);
}

static void a_probe_that_says_nothing_frees_its_place(void **state)
{
    (void)state;
    open_at(10);
    pma_breaker_give_back(&breaker, admit(2000));
    assert_int_equal(pma_breaker_state(&breaker, 2000), PMA_CIRCUIT_HALF_OPEN);
    assert_true(admit(2001));
    refuse(2002, 0);
}

static void a_late_success_of_an_older_request_does_not_close_it(void **state)
{
    (void)state;
    const bool older = admit(5);
    open_at(10);
    pma_breaker_succeed(&breaker, older);
    assert_int_equal(pma_breaker_state(&breaker, 20), PMA_CIRCUIT_OPEN);
    refuse(20, OPEN_NS - 10);
}

static void
a_late_failure_of_an_older_request_does_not_take_the_probes_place(void **state)
{
    (void)state;
    const bool older = admit(5);
    open_at(10);
    assert_true(admit(2000));
    pma_breaker_fail(&breaker, 2001, older);
    refuse(2002, 0);
    pma_breaker_succeed(&breaker, true);
    assert_int_equal(pma_breaker_state(&breaker, 2003), PMA_CIRCUIT_CLOSED);
}

static void old_failures_of_a_closed_circuit_are_forgotten(void **state)
{
    (void)state;
    pma_breaker_fail(&breaker, 100, admit(100));
    assert_false(pma_breaker_sweep(&breaker, 199, 100));
    assert_true(pma_breaker_sweep(&breaker, 200, 100));
    assert_false(pma_breaker_sweep(&breaker, 300, 100));
    assert_int_equal(breaker.failures, 0);
    open_at(400);
    assert_false(pma_breaker_sweep(&breaker, 100000, 100));
    assert_int_equal(pma_breaker_state(&breaker, 500), PMA_CIRCUIT_OPEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(failures_below_the_threshold_leave_it_closed, reset),
        cmocka_unit_test_setup(a_success_between_failures_starts_the_count_anew, reset),
        cmocka_unit_test_setup(the_threshold_opens_it_for_its_time, reset),
        cmocka_unit_test_setup(half_open_admits_exactly_one_probe, reset),
        cmocka_unit_test_setup(a_probe_that_succeeds_closes_it, reset),
        cmocka_unit_test_setup(a_probe_that_fails_opens_it_for_as_long_again, reset),
        cmocka_unit_test_setup(a_probe_that_says_nothing_frees_its_place, reset),
        cmocka_unit_test_setup(a_late_success_of_an_older_request_does_not_close_it,
                               reset),
        cmocka_unit_test_setup(
            a_late_failure_of_an_older_request_does_not_take_the_probes_place, reset),
        cmocka_unit_test_setup(old_failures_of_a_closed_circuit_are_forgotten, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
