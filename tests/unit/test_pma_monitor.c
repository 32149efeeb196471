/* The memory monitor with a made-up process: pressure, alerts, history, start and stop.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/monitor/monitor.h"
#include "server/monitor/reclaim.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What the monitor sees and what it does, in the order in which it does it. */
static struct {
    _Atomic uint64_t heap_bytes;
    _Atomic uint32_t threads;
    uint64_t freed_by_cleanup_bytes;
    _Atomic unsigned collections;
    unsigned clean_ups;
    unsigned pressure_calls, leak_calls;
    uint64_t pressure_current, pressure_threshold;
    uint32_t leak_current, leak_threshold;
    char order[16]; /* 's'ample, 'g'c, 'c'lean-up, 'p'ressure, 'l'eak */
} world;

static void note(char what)
{
    const size_t length = strlen(world.order);
    if (length + 1 < sizeof world.order) {
        world.order[length] = what;
        world.order[length + 1] = '\0';
    }
}

static void sample(void *arg, struct pma_memory_snapshot *snapshot)
{
    (void)arg;
    memset(snapshot, 0, sizeof *snapshot);
    snapshot->at_ns = pma_now_ns();
    snapshot->heap_alloc = world.heap_bytes;
    snapshot->goroutines = world.threads;
    snapshot->memory_usage_percent = (double)world.heap_bytes / 10.0; /* of 1000 bytes */
    note('s');
}

static void collect(void *arg)
{
    (void)arg;
    world.collections++;
    note('g');
}

static void clean_up(void *arg)
{
    (void)arg;
    world.clean_ups++;
    world.heap_bytes -= world.freed_by_cleanup_bytes;
    note('c');
}

static void on_pressure(void *arg, uint64_t current_bytes, uint64_t threshold_bytes)
{
    (void)arg;
    world.pressure_calls++;
    world.pressure_current = current_bytes;
    world.pressure_threshold = threshold_bytes;
    note('p');
}

static void on_leak(void *arg, uint32_t current, uint32_t threshold)
{
    (void)arg;
    world.leak_calls++;
    world.leak_current = current;
    world.leak_threshold = threshold;
    note('l');
}

static const struct pma_monitor_config settings = {
    .max_memory_usage_bytes = 1000,
    .max_heap_alloc_bytes = 500,
    .max_goroutines = 10,
    .max_history_size = 4,
    .check_interval_ns = 100 * PMA_MS_NS,
    .cleanup_interval_ns = 3600 * PMA_S_NS,
    .memory_alert_percent = 80,
};

static const struct pma_monitor_hooks hooks = {
    .sample = sample, .collect = collect, .clean_up = clean_up};

static int setup(void **state)
{
    struct pma_monitor *monitor = NULL;
    memset(&world, 0, sizeof world);
    pma_log_set_level(PMA_LOG_NONE);
    world.heap_bytes = 100;
    world.threads = 5;
    if (pma_monitor_new(&settings, &hooks, &monitor) != 0) {
        return -1;
    }
    pma_monitor_set_memory_pressure_callback(monitor, on_pressure, NULL);
    pma_monitor_set_goroutine_leak_callback(monitor, on_leak, NULL);
    *state = monitor;
    return 0;
}

static int teardown(void **state)
{
    pma_monitor_free(*state);
    return 0;
}

static struct pma_alert alert_of(struct pma_monitor *monitor, enum pma_alert_kind kind)
{
    struct pma_alert alerts[PMA_ALERT_KINDS];
    const size_t count = pma_monitor_alerts(monitor, alerts);
    for (size_t i = 0; i < count; i++) {
        if (alerts[i].kind == kind) {
            return alerts[i];
        }
    }
    return (struct pma_alert){.kind = PMA_ALERT_NONE};
}

static void a_calm_process_is_only_sampled(void **state)
{
    assert_int_equal(pma_monitor_check(*state), settings.check_interval_ns);
    struct pma_alert alerts[PMA_ALERT_KINDS];
    assert_string_equal(world.order, "s");
    assert_int_equal(pma_monitor_alerts(*state, alerts), 0);
}

static void pressure_takes_its_four_steps_in_order(void **state)
{
    world.heap_bytes = 600;
    const uint64_t next_ns = pma_monitor_check(*state);
    /* sample; collect; (warning); clean-ups, callback; sample again */
    assert_string_equal(world.order, "sgcps");
    assert_int_equal(world.pressure_current, 600);
    assert_int_equal(world.pressure_threshold, 500);
    assert_true(next_ns < settings.check_interval_ns);
    struct pma_monitor_status status;
    pma_monitor_status_read(*state, &status);
    assert_int_equal(status.pressure_events, 1);
    assert_int_equal(status.pressure_rounds, 1);
}

static void pressure_is_watched_until_it_is_over(void **state)
{
    struct pma_monitor_status status;
    world.heap_bytes = 600;
    pma_monitor_check(*state);
    pma_monitor_check(*state);
    pma_monitor_check(*state);
    pma_monitor_status_read(*state, &status);
    assert_int_equal(status.pressure_rounds, 3);
    assert_true(alert_of(*state, PMA_ALERT_HEAP_ALLOC).critical);
    world.freed_by_cleanup_bytes = 300; /* this round's clean-up helps */
    pma_monitor_check(*state);
    world.freed_by_cleanup_bytes = 0;
    assert_int_equal(pma_monitor_check(*state), settings.check_interval_ns);
    pma_monitor_status_read(*state, &status);
    assert_int_equal(status.pressure_rounds, 0);
    assert_int_equal(status.pressure_events, 4);
    assert_true(alert_of(*state, PMA_ALERT_HEAP_ALLOC).resolved);
}

static void above_all_memory_the_larger_limit_is_named(void **state)
{
    world.heap_bytes = 1200;
    pma_monitor_check(*state);
    assert_int_equal(world.pressure_threshold, 1000);
    assert_true(alert_of(*state, PMA_ALERT_HEAP_ALLOC).critical);
}

static void the_limit_itself_is_no_pressure(void **state)
{
    world.heap_bytes = 500;
    pma_monitor_check(*state);
    assert_int_equal(world.pressure_calls, 0);
    world.threads = 10;
    pma_monitor_check(*state);
    assert_int_equal(world.leak_calls, 0);
}

static void too_many_threads_call_the_leak_callback(void **state)
{
    world.threads = 11;
    pma_monitor_check(*state);
    assert_int_equal(world.leak_calls, 1);
    assert_int_equal(world.leak_current, 11);
    assert_int_equal(world.leak_threshold, 10);
    assert_int_equal(world.collections, 0);
    assert_false(alert_of(*state, PMA_ALERT_GOROUTINES).resolved);
    world.threads = 5;
    pma_monitor_check(*state);
    assert_true(alert_of(*state, PMA_ALERT_GOROUTINES).resolved);
}

static void eighty_percent_of_memory_raises_an_alert(void **state)
{
    world.heap_bytes = 799;
    pma_monitor_check(*state);
    assert_int_equal(alert_of(*state, PMA_ALERT_MEMORY_USAGE).kind, PMA_ALERT_NONE);
    world.heap_bytes = 800;
    pma_monitor_check(*state);
    const struct pma_alert alert = alert_of(*state, PMA_ALERT_MEMORY_USAGE);
    assert_int_equal(alert.kind, PMA_ALERT_MEMORY_USAGE);
    assert_true(alert.value == 80.0);
    assert_true(alert.threshold == 80.0);
    assert_int_equal(alert.count, 1);
}

static void an_alert_that_comes_back_is_a_new_episode_of_one_record(void **state)
{
    struct pma_alert alerts[PMA_ALERT_KINDS];
    for (uint32_t round = 0; round < 50; round++) {
        world.threads = 11 + round; /* another value each time: F26 would leak here */
        pma_monitor_check(*state);
        world.threads = 5;
        pma_monitor_check(*state);
    }
    assert_int_equal(pma_monitor_alerts(*state, alerts), 1);
    assert_int_equal(alerts[0].episode, 50);
    assert_int_equal(alerts[0].count, 1);
}

static void the_history_keeps_the_newest_in_order(void **state)
{
    struct pma_memory_snapshot history[8];
    assert_int_equal(pma_monitor_history(*state, history, 8), 0);
    for (uint64_t i = 1; i <= 6; i++) {
        world.heap_bytes = i;
        pma_monitor_check(*state);
    }
    assert_int_equal(pma_monitor_history(*state, history, 8), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(history[i].heap_alloc, i + 3);
    }
    assert_int_equal(pma_monitor_history(*state, history, 1), 1);
    assert_int_equal(history[0].heap_alloc, 6);
}

static void start_and_stop_are_idempotent(void **state)
{
    struct pma_monitor_status status;
    const size_t workers = pma_worker_count();
    assert_int_equal(pma_monitor_stop(*state, PMA_S_NS), 0);
    assert_int_equal(pma_monitor_start(*state), 0);
    assert_int_equal(pma_monitor_start(*state), 0);
    assert_int_equal(pma_worker_count(), workers + 1);
    pma_monitor_status_read(*state, &status);
    assert_true(status.active);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pma_monitor_stop(*state, PMA_S_NS), 0);
        assert_int_equal(pma_monitor_start(*state), 0);
    }
    assert_int_equal(pma_monitor_stop(*state, PMA_S_NS), 0);
    assert_int_equal(pma_monitor_stop(*state, PMA_S_NS), 0);
    pma_monitor_status_read(*state, &status);
    assert_false(status.active);
    assert_int_equal(pma_worker_count(), workers);
}

static void a_running_monitor_checks_and_cleans_up_by_itself(void **state)
{
    struct pma_monitor_config fast = settings;
    struct pma_monitor_status status;
    struct pma_monitor *monitor = NULL;
    (void)state;
    fast.check_interval_ns = 10 * PMA_MS_NS;
    fast.cleanup_interval_ns = 20 * PMA_MS_NS;
    assert_int_equal(pma_monitor_new(&fast, &hooks, &monitor), 0);
    assert_int_equal(pma_monitor_start(monitor), 0);
    const uint64_t deadline_ns = pma_now_ns() + 10 * PMA_S_NS;
    do {
        usleep(2000);
        pma_monitor_status_read(monitor, &status);
    } while ((status.checks < 3 || status.cleanups < 2) && pma_now_ns() < deadline_ns);
    pma_monitor_free(monitor);
    assert_true(status.checks >= 3);
    assert_true(status.cleanups >= 2);
    assert_true(world.collections >= 2);
}

static void settings_without_meaning_are_refused(void **state)
{
    struct pma_monitor *monitor = NULL;
    struct pma_monitor_config wrong = settings;
    struct pma_monitor_hooks missing = hooks;
    (void)state;
    wrong.max_history_size = 0;
    assert_int_equal(pma_monitor_new(&wrong, &hooks, &monitor), -EINVAL);
    wrong = settings;
    wrong.check_interval_ns = 0;
    assert_int_equal(pma_monitor_new(&wrong, &hooks, &monitor), -EINVAL);
    missing.collect = NULL;
    assert_int_equal(pma_monitor_new(&settings, &missing, &monitor), -EINVAL);
    assert_null(monitor);
}

static void count_call(void *arg)
{
    ++*(unsigned *)arg;
}

static void a_collection_runs_every_clean_up_and_is_counted(void **state)
{
    struct pma_reclaim *reclaim = NULL;
    struct pma_reclaim_result result;
    struct pma_reclaim_totals totals;
    unsigned calls[2] = {0, 0};
    (void)state;
    assert_int_equal(pma_reclaim_new(1000000, &reclaim), 0);
    assert_int_equal(pma_reclaim_add(reclaim, "a", count_call, &calls[0]), 0);
    assert_int_equal(pma_reclaim_add(reclaim, "b", count_call, &calls[1]), 0);
    pma_reclaim_run(reclaim, &result);
    pma_reclaim_clean_up(reclaim);
    pma_reclaim_totals_read(reclaim, &totals);
    assert_int_equal(calls[0], 2);
    assert_int_equal(calls[1], 2);
    assert_int_equal(totals.runs, 1);
    assert_true(totals.last_at_ns > 0);
    assert_true(result.before.heap_alloc > 0);
    assert_true(result.after.goroutines >= 1);
    for (size_t i = 2; i < PMA_RECLAIM_CLEANUPS_MAX; i++) {
        assert_int_equal(pma_reclaim_add(reclaim, "c", count_call, &calls[0]), 0);
    }
    assert_int_equal(pma_reclaim_add(reclaim, "d", count_call, &calls[0]), -ENOSPC);
    pma_reclaim_free(reclaim);
}

static void a_sample_shows_what_the_process_holds(void **state)
{
    struct pma_memory_snapshot before;
    struct pma_memory_snapshot after;
    const size_t bytes = (size_t)32 << 20;
    (void)state;
    pma_memory_sample((uint64_t)1 << 30, 0, &before);
    char *block = malloc(bytes);
    assert_non_null(block);
    memset(block, 1, bytes);
    pma_memory_sample((uint64_t)1 << 30, 0, &after);
    assert_true(after.heap_alloc >= before.heap_alloc + bytes);
    assert_true(after.resident >= before.resident + bytes / 2);
    assert_true(after.memory_usage_percent > before.memory_usage_percent + 3.0);
    assert_int_equal(after.goroutines, pma_thread_count());
    assert_true(pma_fd_count() >= 3);
    free(block);
}

#define MONITOR_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MONITOR_TEST(a_calm_process_is_only_sampled),
        MONITOR_TEST(pressure_takes_its_four_steps_in_order),
        MONITOR_TEST(pressure_is_watched_until_it_is_over),
        MONITOR_TEST(above_all_memory_the_larger_limit_is_named),
        MONITOR_TEST(the_limit_itself_is_no_pressure),
        MONITOR_TEST(too_many_threads_call_the_leak_callback),
        MONITOR_TEST(eighty_percent_of_memory_raises_an_alert),
        MONITOR_TEST(an_alert_that_comes_back_is_a_new_episode_of_one_record),
        MONITOR_TEST(the_history_keeps_the_newest_in_order),
        MONITOR_TEST(start_and_stop_are_idempotent),
        MONITOR_TEST(a_running_monitor_checks_and_cleans_up_by_itself),
        cmocka_unit_test(settings_without_meaning_are_refused),
        cmocka_unit_test(a_collection_runs_every_clean_up_and_is_counted),
        cmocka_unit_test(a_sample_shows_what_the_process_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
