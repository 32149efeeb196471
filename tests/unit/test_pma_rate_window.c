/* The sliding window, against an exact log of what was admitted.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/rate_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WINDOW_NS 60000
#define LOG_MAX   20000

static void admits_up_to_the_limit_and_says_when_to_come_back(void **state)
{
    struct pma_rate_window window;
    uint64_t retry_after_ns = 0;
    (void)state;
    pma_rate_window_init(&window, WINDOW_NS, 3, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(pma_rate_window_admit(&window, 1000, 0, &retry_after_ns));
    }
    assert_false(pma_rate_window_admit(&window, 1000, 0, &retry_after_ns));
    assert_int_equal(window.refused, 1);
    assert_true(retry_after_ns > 0 && retry_after_ns <= WINDOW_NS + WINDOW_NS / 30);
    assert_false(
        pma_rate_window_admit(&window, 1000 + retry_after_ns - 1, 0, &(uint64_t){0}));
    assert_true(pma_rate_window_admit(&window, 1000 + retry_after_ns, 0, &(uint64_t){0}));
}

static void a_limit_of_zero_is_none(void **state)
{
    struct pma_rate_window window;
    uint64_t retry_after_ns = 0;
    (void)state;
    pma_rate_window_init(&window, WINDOW_NS, 0, 0);
    for (int i = 0; i < 100000; i++) {
        assert_true(pma_rate_window_admit(&window, 5, 1000000, &retry_after_ns));
    }
}

static void tokens_have_a_limit_of_their_own(void **state)
{
    struct pma_rate_window window;
    uint64_t retry_after_ns = 0;
    (void)state;
    pma_rate_window_init(&window, WINDOW_NS, 0, 100);
    assert_true(pma_rate_window_admit(&window, 0, 60, &retry_after_ns));
    assert_false(pma_rate_window_admit(&window, 0, 60, &retry_after_ns));
    assert_true(pma_rate_window_admit(&window, 0, 40, &retry_after_ns));
    assert_false(pma_rate_window_admit(&window, 0, 1, &retry_after_ns));
}

static void a_request_above_the_token_limit_passes_alone(void **state)
{
    struct pma_rate_window window;
    uint64_t retry_after_ns = 0;
    (void)state;
    pma_rate_window_init(&window, WINDOW_NS, 0, 100);
    assert_true(pma_rate_window_admit(&window, 0, 5000, &retry_after_ns));
    assert_false(pma_rate_window_admit(&window, 0, 5000, &retry_after_ns));
    assert_true(pma_rate_window_admit(&window, 2 * WINDOW_NS, 5000, &retry_after_ns));
}

static void tokens_used_beyond_the_estimate_count(void **state)
{
    struct pma_rate_window window;
    uint64_t retry_after_ns = 0;
    uint64_t requests = 0;
    uint64_t tokens = 0;
    (void)state;
    pma_rate_window_init(&window, WINDOW_NS, 0, 100);
    assert_true(pma_rate_window_admit(&window, 0, 10, &retry_after_ns));
    pma_rate_window_charge(&window, 10, 85);
    pma_rate_window_read(&window, 10, &requests, &tokens);
    assert_int_equal(requests, 1);
    assert_int_equal(tokens, 95);
    assert_false(pma_rate_window_admit(&window, 20, 6, &retry_after_ns));
}

/* The truth: instants of all admitted requests. */
static uint64_t admitted_at_ns[LOG_MAX];

static void no_window_anywhere_ever_has_more_than_the_limit(void **state)
{
    struct pma_rate_window window;
    uint64_t retry_after_ns = 0;
    uint64_t now_ns = 0;
    uint32_t random = 12345;
    size_t admitted = 0;
    const size_t limit = 50;
    (void)state;
    pma_rate_window_init(&window, WINDOW_NS, limit, 0);
    for (int i = 0; i < LOG_MAX; i++) {
        random = random * 1664525 + 1013904223;
        now_ns += random >> 21; /* 0..2047: ten requests and more for each that fits */
        if (pma_rate_window_admit(&window, now_ns, 0, &retry_after_ns)) {
            admitted_at_ns[admitted++] = now_ns;
        }
    }
    for (size_t i = limit; i < admitted; i++) {
        assert_true(admitted_at_ns[i] - admitted_at_ns[i - limit] >= WINDOW_NS);
    }
    /* And it is no stricter than by one slot: the rate comes out as the limit, nearly. */
    const double fair = (double)now_ns / (WINDOW_NS * 31.0 / 30.0) * (double)limit;
    assert_true((double)admitted > 0.93 * fair);
}

static void what_left_the_window_is_swept(void **state)
{
    struct pma_rate_window window;
    uint64_t retry_after_ns = 0;
    (void)state;
    pma_rate_window_init(&window, WINDOW_NS, 10, 0);
    pma_rate_window_admit(&window, 0, 5, &retry_after_ns);
    pma_rate_window_admit(&window, WINDOW_NS / 2, 5, &retry_after_ns);
    assert_int_equal(pma_rate_window_sweep(&window, WINDOW_NS / 2), 0);
    assert_int_equal(pma_rate_window_sweep(&window, 3 * WINDOW_NS), 2);
    assert_int_equal(pma_rate_window_sweep(&window, 3 * WINDOW_NS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(admits_up_to_the_limit_and_says_when_to_come_back),
        cmocka_unit_test(a_limit_of_zero_is_none),
        cmocka_unit_test(tokens_have_a_limit_of_their_own),
        cmocka_unit_test(a_request_above_the_token_limit_passes_alone),
        cmocka_unit_test(tokens_used_beyond_the_estimate_count),
        cmocka_unit_test(no_window_anywhere_ever_has_more_than_the_limit),
        cmocka_unit_test(what_left_the_window_is_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
