/* The rules on made-up histories whose truth is known.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/monitor/leak_detect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MOST 100
#define MIB  (1024.0 * 1024.0)

static struct pma_memory_snapshot history[MOST];
static struct pma_leak leaks[PMA_LEAK_END];
static struct pma_leak_evidence evidence;

static int setup(void **state)
{
    (void)state;
    memset(history, 0, sizeof history);
    for (size_t i = 0; i < MOST; i++) {
        history[i].at_ns = (i + 1) * 30 * PMA_S_NS;
        history[i].heap_alloc = (uint64_t)(10 * MIB);
        history[i].heap_inuse = (uint64_t)(12 * MIB);
        history[i].goroutines = 12;
        history[i].fds = 20;
        history[i].memory_usage_percent = 10;
    }
    evidence = (struct pma_leak_evidence){
        .history = history, .history_count = MOST, .baseline_goroutines = 12};
    return 0;
}

/* The leak of a type, NULL when it is not found. */
static const struct pma_leak *find(enum pma_leak_type type)
{
    const size_t count = pma_leaks_detect(&evidence, leaks);
    for (size_t i = 0; i < count; i++) {
        if (leaks[i].type == type) {
            return &leaks[i];
        }
    }
    return NULL;
}

static void assert_found(enum pma_leak_type type, enum pma_severity severity)
{
    const struct pma_leak *leak = find(type);
    assert_non_null(leak);
    assert_int_equal(leak->severity, severity);
}

static void a_steady_process_has_no_leak(void **state)
{
    (void)state;
    assert_int_equal(pma_leaks_detect(&evidence, leaks), 0);
    for (size_t i = 0; i < MOST; i++) { /* saw-tooth: a cache that is swept */
        history[i].heap_alloc = (uint64_t)((10 + i % 5) * MIB);
        history[i].goroutines = 12 + (uint32_t)(i % 3);
        history[i].fds = 20 + (uint32_t)(i % 7);
    }
    assert_int_equal(pma_leaks_detect(&evidence, leaks), 0);
}

static void no_history_is_no_leak(void **state)
{
    (void)state;
    evidence.history_count = 0;
    assert_int_equal(pma_leaks_detect(&evidence, leaks), 0);
    evidence.history_count = 1;
    assert_int_equal(pma_leaks_detect(&evidence, leaks), 0);
}

static void threads_above_the_baseline_are_graded(void **state)
{
    static const struct {
        uint32_t threads;
        enum pma_severity severity;
    } rows[] = {{113, PMA_SEVERITY_MEDIUM},
                {213, PMA_SEVERITY_HIGH},
                {313, PMA_SEVERITY_CRITICAL}};
    (void)state;
    history[MOST - 1].goroutines = 112; /* exactly 100 above: not yet */
    assert_null(find(PMA_LEAK_GOROUTINE_EXPLOSION));
    for (size_t i = 0; i < 3; i++) {
        history[MOST - 1].goroutines = rows[i].threads;
        assert_found(PMA_LEAK_GOROUTINE_EXPLOSION, rows[i].severity);
        assert_int_equal(leaks[0].size, rows[i].threads - 12);
    }
}

/* The last ten snapshots go from 10 MiB to `to` MiB with `up` steps up. */
static void grow(double to, int up)
{
    double heap = 10;
    for (size_t i = 0; i < 10; i++) {
        history[MOST - 10 + i].heap_alloc = (uint64_t)(heap * MIB);
        if (i < (size_t)up) {
            heap += (to - 10) / up;
        }
    }
}

static void heap_growth_is_graded_by_its_share(void **state)
{
    (void)state;
    grow(14.9, 9);
    assert_null(find(PMA_LEAK_HEAP_GROWTH));
    grow(15.5, 9);
    assert_found(PMA_LEAK_HEAP_GROWTH, PMA_SEVERITY_MEDIUM);
    grow(20.5, 9);
    assert_found(PMA_LEAK_HEAP_GROWTH, PMA_SEVERITY_HIGH);
    grow(31, 9);
    assert_found(PMA_LEAK_HEAP_GROWTH, PMA_SEVERITY_CRITICAL);
    assert_int_equal(find(PMA_LEAK_HEAP_GROWTH)->since_ns, history[MOST - 10].at_ns);
}

static void one_jump_is_no_growth(void **state)
{
    (void)state;
    grow(20, 1);
    assert_null(find(PMA_LEAK_HEAP_GROWTH));
    grow(20, 6); /* 66 percent of the steps */
    assert_null(find(PMA_LEAK_HEAP_GROWTH));
    grow(20, 7);
    assert_non_null(find(PMA_LEAK_HEAP_GROWTH));
}

static void a_straight_line_is_linear_growth(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOST; i++) {
        history[i].heap_alloc = (uint64_t)((10 + 0.02 * (double)i) * MIB);
    }
    assert_found(PMA_LEAK_HEAP_LINEAR, PMA_SEVERITY_LOW);
    assert_null(find(PMA_LEAK_HEAP_EXPONENTIAL));
    for (size_t i = 0; i < MOST; i++) {
        history[i].heap_alloc = (uint64_t)((10 + 0.2 * (double)i) * MIB);
    }
    assert_found(PMA_LEAK_HEAP_LINEAR, PMA_SEVERITY_MEDIUM);
}

static void doubling_is_exponential_growth(void **state)
{
    double heap = 10;
    (void)state;
    for (size_t i = 0; i < MOST; i++, heap *= 1.05) {
        history[i].heap_alloc = (uint64_t)(heap * MIB);
    }
    assert_found(PMA_LEAK_HEAP_EXPONENTIAL, PMA_SEVERITY_HIGH);
    assert_null(find(PMA_LEAK_HEAP_LINEAR));
}

static void an_allocation_rate_above_twice_the_mean_is_a_spike(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOST; i++) {
        history[i].heap_total = (uint64_t)(30 * MIB * (double)i); /* 1 MiB/s */
    }
    assert_null(find(PMA_LEAK_RATE_SPIKE));
    history[MOST - 1].heap_total += (uint64_t)(31 * MIB);
    assert_found(PMA_LEAK_RATE_SPIKE, PMA_SEVERITY_MEDIUM);
    for (size_t i = 0; i < MOST; i++) { /* the same in small is nothing */
        history[i].heap_total /= 100;
    }
    assert_null(find(PMA_LEAK_RATE_SPIKE));
}

static void collections_that_free_nothing_under_pressure_are_inefficient(void **state)
{
    (void)state;
    history[MOST - 1].memory_usage_percent = 85;
    evidence.last_released_bytes = 1000;
    assert_null(find(PMA_LEAK_GC_INEFFICIENCY)); /* there was none yet */
    evidence.collections = 3;
    assert_found(PMA_LEAK_GC_INEFFICIENCY, PMA_SEVERITY_HIGH);
    evidence.last_released_bytes = (uint64_t)MIB;
    assert_null(find(PMA_LEAK_GC_INEFFICIENCY));
}

static void descriptors_timers_threads_and_queues_that_only_grow_are_found(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        history[MOST - 10 + i].fds = 20 + i;
        history[MOST - 10 + i].timers = 5 * i;
        history[MOST - 10 + i].goroutines = 12 + i;
        history[MOST - 10 + i].queue_items = 100 * i;
    }
    assert_found(PMA_LEAK_FD_LEAK, PMA_SEVERITY_LOW);
    assert_found(PMA_LEAK_TIMER_LEAK, PMA_SEVERITY_MEDIUM);
    assert_found(PMA_LEAK_GOROUTINE_LEAK, PMA_SEVERITY_LOW);
    assert_found(PMA_LEAK_QUEUE_GROWTH, PMA_SEVERITY_CRITICAL);
    history[MOST - 4].fds = 20; /* one fall: whoever closes some is no leak */
    assert_null(find(PMA_LEAK_FD_LEAK));
}

static void every_type_and_severity_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(pma_leak_type_name(PMA_LEAK_HEAP_GROWTH), "heap_growth_leak");
    assert_string_equal(pma_leak_resource_name(PMA_LEAK_TIMER_LEAK), "timer");
    assert_string_equal(pma_leak_type_name((enum pma_leak_type)77), "none");
    assert_string_equal(pma_severity_name(PMA_SEVERITY_CRITICAL), "critical");
}

#define LEAK_TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEAK_TEST(a_steady_process_has_no_leak),
        LEAK_TEST(no_history_is_no_leak),
        LEAK_TEST(threads_above_the_baseline_are_graded),
        LEAK_TEST(heap_growth_is_graded_by_its_share),
        LEAK_TEST(one_jump_is_no_growth),
        LEAK_TEST(a_straight_line_is_linear_growth),
        LEAK_TEST(doubling_is_exponential_growth),
        LEAK_TEST(an_allocation_rate_above_twice_the_mean_is_a_spike),
        LEAK_TEST(collections_that_free_nothing_under_pressure_are_inefficient),
        LEAK_TEST(descriptors_timers_threads_and_queues_that_only_grow_are_found),
        LEAK_TEST(every_type_and_severity_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
