/* The pressure handler in a world that is set by hand, and the optimiser beside it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/monitor/optimizer.h"
#include "server/monitor/pressure.h"
#include "server/rest/memory_json.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct {
    struct pma_memory_snapshot now;
    uint64_t collections, collected, cleaned;
} world;

static void sample(void *arg, struct pma_memory_snapshot *snapshot)
{
    (void)arg;
    *snapshot = world.now;
}

static uint64_t collections(void *arg)
{
    (void)arg;
    return world.collections;
}

static void clean_up(void *arg)
{
    (void)arg;
    world.cleaned++;
}

static uint64_t collect(void *arg)
{
    (void)arg;
    world.collected++;
    return 4096;
}

static const struct pma_pressure_hooks hooks = {.sample = sample,
                                                .collections = collections,
                                                .clean_up = clean_up,
                                                .collect = collect};
static struct pma_pressure_config settings;
static struct pma_pressure *pressure;

static int setup(void **state)
{
    (void)state;
    pma_log_set_level(PMA_LOG_NONE);
    memset(&world, 0, sizeof world);
    world.now.at_ns = PMA_S_NS;
    world.now.goroutines = 10;
    pma_pressure_defaults(&settings);
    return pma_pressure_new(&settings, &hooks, &pressure);
}

static int teardown(void **state)
{
    (void)state;
    pma_pressure_stop(pressure, PMA_S_NS);
    pma_pressure_free(pressure);
    return 0;
}

/* Checks `seconds` later. */
static enum pma_pressure_level after(uint64_t seconds)
{
    world.now.at_ns += seconds * PMA_S_NS;
    return pma_pressure_check(pressure);
}

static struct pma_pressure_status status_now(void)
{
    struct pma_pressure_status status;
    pma_pressure_status_read(pressure, &status);
    return status;
}

static void a_level_counts_when_it_has_lasted(void **state)
{
    (void)state;
    world.now.memory_usage_percent = 71;
    assert_int_equal(after(0), PMA_PRESSURE_NONE);
    assert_int_equal(after(14), PMA_PRESSURE_NONE);
    assert_int_equal(after(1), PMA_PRESSURE_MEDIUM); /* 15 s */
    assert_int_equal(world.cleaned, 1);
    assert_int_equal(world.collected, 0);
    assert_int_equal(after(10), PMA_PRESSURE_MEDIUM);
    assert_int_equal(world.cleaned, 1); /* only the rise is an event */
    world.now.memory_usage_percent = 10;
    assert_int_equal(after(1), PMA_PRESSURE_NONE);
    assert_int_equal(status_now().recoveries, 1);
    assert_int_equal(status_now().events, 1);
}

static void a_break_starts_the_time_anew(void **state)
{
    (void)state;
    world.now.memory_usage_percent = 96;
    after(0);
    world.now.memory_usage_percent = 10;
    after(4);
    world.now.memory_usage_percent = 96;
    assert_int_equal(after(1), PMA_PRESSURE_NONE);
    assert_int_equal(after(5), PMA_PRESSURE_CRITICAL);
    assert_int_equal(world.collected, 1);
}

static void threads_rates_and_collections_are_pressure_too(void **state)
{
    (void)state;
    after(0);
    world.now.goroutines = 2001;
    after(1);
    assert_int_equal(after(30), PMA_PRESSURE_MEDIUM);
    world.now.goroutines = 10;
    assert_int_equal(after(1), PMA_PRESSURE_NONE);
    for (int i = 0; i < 12; i++) { /* 60 MiB/s */
        world.now.heap_total += UINT64_C(60) << 20;
        after(1);
    }
    assert_int_equal(status_now().level, PMA_PRESSURE_HIGH);
    assert_int_equal(after(1), PMA_PRESSURE_NONE);
    for (int i = 0; i < 7; i++) {
        world.collections += 2;
        after(1);
    }
    assert_int_equal(status_now().level, PMA_PRESSURE_CRITICAL);
}

static void events_are_kept_up_to_the_limit_newest_last(void **state)
{
    struct pma_pressure_event events[PMA_PRESSURE_EVENTS_MAX];
    (void)state;
    for (int i = 0; i < 250; i++) {
        world.now.memory_usage_percent = 96;
        after(1);
        after(6);
        world.now.memory_usage_percent = 1;
        after(1);
    }
    assert_int_equal(status_now().events, 250);
    assert_int_equal(pma_pressure_events(pressure, events, PMA_PRESSURE_EVENTS_MAX), 10);
    assert_int_equal(events[9].at_ns, status_now().last_event_ns);
    assert_true(events[8].at_ns < events[9].at_ns);
    assert_int_equal(events[9].released_bytes, 4096);
    assert_int_equal(events[9].level, PMA_PRESSURE_CRITICAL);
}

static void the_forecast_sees_the_next_interval(void **state)
{
    (void)state;
    settings.predictive_mode_enabled = true;
    settings.levels[PMA_PRESSURE_HIGH].sustained_duration_ns = 0;
    assert_int_equal(pma_pressure_configure(pressure, &settings), 0);
    world.now.memory_usage_percent = 40;
    after(1);
    world.now.memory_usage_percent = 65; /* 90 next time */
    assert_int_equal(after(1), PMA_PRESSURE_HIGH);
}

static void thresholds_that_adapt_are_lower_after_an_event(void **state)
{
    (void)state;
    settings.adaptive_thresholds = true;
    settings.levels[PMA_PRESSURE_LOW].sustained_duration_ns = 0;
    settings.levels[PMA_PRESSURE_MEDIUM].sustained_duration_ns = 0;
    assert_int_equal(pma_pressure_configure(pressure, &settings), 0);
    world.now.memory_usage_percent = 66;
    assert_int_equal(after(1), PMA_PRESSURE_LOW);
    world.now.memory_usage_percent = 71;
    assert_int_equal(after(1), PMA_PRESSURE_MEDIUM);
    world.now.memory_usage_percent = 30;
    assert_int_equal(after(1), PMA_PRESSURE_NONE);
    world.now.memory_usage_percent = 66; /* above 90 % of 70 */
    assert_int_equal(after(1), PMA_PRESSURE_MEDIUM);
}

static void settings_without_meaning_are_refused(void **state)
{
    struct pma_pressure_config wrong = settings;
    (void)state;
    wrong.monitor_interval_ns = 0;
    assert_int_equal(pma_pressure_configure(pressure, &wrong), -EINVAL);
    wrong = settings;
    wrong.response_timeout_ns = 0;
    assert_int_equal(pma_pressure_configure(pressure, &wrong), -EINVAL);
    wrong = settings;
    wrong.max_event_history = PMA_PRESSURE_EVENTS_MAX + 1;
    assert_int_equal(pma_pressure_configure(pressure, &wrong), -EINVAL);
    wrong = settings;
    wrong.levels[PMA_PRESSURE_HIGH].heap_utilization = 20;
    assert_int_equal(pma_pressure_configure(pressure, &wrong), -EINVAL);
}

static void new_settings_restart_the_worker_and_leave_none_behind(void **state)
{
    const size_t workers = pma_worker_count();
    (void)state;
    assert_int_equal(pma_pressure_start(pressure), 0);
    assert_int_equal(pma_pressure_start(pressure), 0);
    settings.monitor_interval_ns = 10 * PMA_MS_NS;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pma_pressure_configure(pressure, &settings), 0);
        assert_int_equal(pma_worker_count(), workers + 1);
    }
    assert_true(status_now().active);
    assert_int_equal(pma_pressure_stop(pressure, PMA_S_NS), 0);
    assert_int_equal(pma_worker_count(), workers);
    assert_false(status_now().active);
}

static void the_health_score_follows_its_formula(void **state)
{
    (void)state;
    assert_int_equal(lround(pma_health_score(50, PMA_PRESSURE_LOW, 0.05, 5) * 1000),
                     100 * 1000);
    assert_int_equal(lround(pma_health_score(90, PMA_PRESSURE_NONE, 0, 0) * 1000),
                     80 * 1000);
    assert_int_equal(lround(pma_health_score(0, PMA_PRESSURE_MEDIUM, 0, 0) * 1000),
                     90 * 1000);
    assert_int_equal(lround(pma_health_score(0, PMA_PRESSURE_CRITICAL, 0.2, 30) * 1000),
                     40 * 1000);
    assert_int_equal(lround(pma_health_score(200, PMA_PRESSURE_CRITICAL, 9, 9) * 1000),
                     0 * 1000);
}

static unsigned ran[PMA_OPTIMIZERS_COUNT];

static void run_component(void *arg, unsigned component, bool aggressive)
{
    (void)arg;
    ran[component] += aggressive ? 10 : 1;
}

static uint64_t heap_bytes(void *arg)
{
    (void)arg;
    return 1000;
}

static void an_optimisation_runs_what_was_asked_for_and_is_kept(void **state)
{
    static const struct pma_optimizer_hooks optimizer_hooks = {.run = run_component,
                                                               .heap_bytes = heap_bytes};
    struct pma_optimizer *optimizer = NULL;
    struct pma_optimization done;
    struct pma_optimization history[PMA_OPTIMIZER_HISTORY];
    (void)state;
    memset(ran, 0, sizeof ran);
    assert_int_equal(pma_optimizer_new(0, &optimizer_hooks, &optimizer), -EINVAL);
    assert_int_equal(pma_optimizer_new(PMA_S_NS, &optimizer_hooks, &optimizer), 0);
    const uint32_t two =
        pma_optimizer_component("gc") | pma_optimizer_component("preallocation");
    pma_optimizer_run(optimizer, two, true, PMA_S_NS, &done);
    assert_int_equal(ran[0], 10);
    assert_int_equal(ran[1], 0);
    assert_int_equal(ran[3], 10);
    assert_int_equal(done.skipped, 0);
    pma_optimizer_run(optimizer, PMA_OPTIMIZERS_ALL, false, 0, &done);
    assert_int_equal(done.skipped, PMA_OPTIMIZERS_ALL);
    assert_int_equal(ran[0], 10);
    for (int i = 0; i < 60; i++) {
        pma_optimizer_run(optimizer, two, false, PMA_S_NS, &done);
    }
    assert_int_equal(pma_optimizer_history(optimizer, history, PMA_OPTIMIZER_HISTORY),
                     PMA_OPTIMIZER_HISTORY);
    assert_int_equal(history[PMA_OPTIMIZER_HISTORY - 1].id, 62);
    assert_int_equal(pma_optimizer_history(optimizer, history, 1), 1);
    assert_int_equal(history[0].id, 62);
    assert_int_equal(pma_optimizer_component("nonsense"), 0);
    pma_optimizer_free(optimizer);
}

#define PRESSURE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PRESSURE_TEST(a_level_counts_when_it_has_lasted),
        PRESSURE_TEST(a_break_starts_the_time_anew),
        PRESSURE_TEST(threads_rates_and_collections_are_pressure_too),
        PRESSURE_TEST(events_are_kept_up_to_the_limit_newest_last),
        PRESSURE_TEST(the_forecast_sees_the_next_interval),
        PRESSURE_TEST(thresholds_that_adapt_are_lower_after_an_event),
        PRESSURE_TEST(settings_without_meaning_are_refused),
        PRESSURE_TEST(new_settings_restart_the_worker_and_leave_none_behind),
        cmocka_unit_test(the_health_score_follows_its_formula),
        cmocka_unit_test(an_optimisation_runs_what_was_asked_for_and_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
