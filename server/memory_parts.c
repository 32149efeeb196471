/* What the parts of server/monitor need from the rest of the server, in one place.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/memory_parts.h"

#include "seep/seep.h"
#include "server/config/config.h"
#include "server/hub/hub.h"
#include "server/log/log_recent.h"
#include "server/metrics/metrics.h"
#include "server/monitor/call_sites.h"
#include "server/monitor/monitor.h"
#include "server/monitor/optimizer.h"
#include "server/monitor/pressure.h"
#include "server/monitor/reclaim.h"
#include "server/pool/pool.h"
#include "server/worker/worker.h"

#include <jansson.h>

void pma_memory_parts_size(const struct pma_config *config)
{
    const struct {
        enum pma_pool_id id;
        uint32_t max_size;
    } rows[] = {
        {PMA_POOL_BUFFER, config->memory_pools.buffer},
        {PMA_POOL_JSON_RESPONSE, config->memory_pools.json_response},
        {PMA_POOL_STRING_BUILDER, config->memory_pools.string_builder},
        {PMA_POOL_BYTE_SLICE_SMALL, config->memory_pools.byte_slice_small},
        {PMA_POOL_BYTE_SLICE_MEDIUM, config->memory_pools.byte_slice_medium},
        {PMA_POOL_BYTE_SLICE_LARGE, config->memory_pools.byte_slice_large},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pma_pool_resize(rows[i].id, rows[i].max_size);
    }
    pma_metrics_limit(config->metrics.max_series);
    if (pma_log_recent_size(config->logging.max_log_entries) != 0) {
        pma_log(PMA_LOG_WARN, "There is no memory for keeping lines of the log");
    }
}

static void sample_hook(void *arg, struct pma_memory_snapshot *snapshot)
{
    const struct pma_app *app = arg;
    pma_reclaim_sample(app->reclaim, snapshot);
    json_t *hub = pma_hub_stats_json(app->hub);
    snapshot->queue_items =
        (uint64_t)json_integer_value(json_object_get(hub, "inbox_messages")) +
        (uint64_t)json_integer_value(json_object_get(hub, "offline_messages"));
    json_decref(hub);
}

static void collect_hook(void *arg)
{
    const struct pma_app *app = arg;
    pma_reclaim_run(app->reclaim, NULL);
}

static uint64_t collect_and_tell_hook(void *arg)
{
    const struct pma_app *app = arg;
    struct pma_reclaim_result result;
    pma_reclaim_run(app->reclaim, &result);
    return result.released_bytes;
}

static void clean_up_hook(void *arg)
{
    const struct pma_app *app = arg;
    pma_reclaim_clean_up(app->reclaim);
}

static uint64_t collections_hook(void *arg)
{
    const struct pma_app *app = arg;
    struct pma_reclaim_totals totals;
    pma_reclaim_totals_read(app->reclaim, &totals);
    return totals.runs;
}

/* The limits follow the cgroup's, and 100 percent with them. */
static void limit_hook(void *arg, struct pma_memory_limits *limits)
{
    const struct pma_app *app = arg;
    const struct pma_config *config = app->config;
    pma_cgroup_read(config->memory_monitor.cgroup_root, limits);
    pma_memory_limits_apply(config->memory_monitor.max_memory_usage_bytes,
                            config->memory_monitor.max_heap_alloc_bytes,
                            config->memory_monitor.dynamic_limit_percent, limits);
    pma_reclaim_set_limit(app->reclaim, limits->max_memory_usage_bytes);
}

/* The clean-ups of step 3 may have freed memory: give it back. */
static void on_memory_pressure(void *arg, uint64_t current_bytes,
                               uint64_t threshold_bytes)
{
    const uint64_t released_bytes = collect_and_tell_hook(arg);
    pma_log(PMA_LOG_WARN, "Collection forced by memory pressure",
            pma_u64("current", current_bytes), pma_u64("threshold", threshold_bytes),
            pma_u64("released", released_bytes));
}

static void on_goroutine_leak(void *arg, uint32_t current, uint32_t threshold)
{
    char name[32];
    (void)arg;
    const size_t count = pma_worker_commonest(name);
    pma_log(PMA_LOG_WARN, "More threads than allowed; most of them share one name",
            pma_u64("goroutines", current), pma_u64("max_goroutines", threshold),
            pma_str("worker", name), pma_u64("workers_of_that_name", count));
}

static int start_monitor(struct pma_app *app)
{
    const struct pma_config *config = app->config;
    const struct pma_monitor_config settings = {
        .max_memory_usage_bytes = config->memory_monitor.max_memory_usage_bytes,
        .max_heap_alloc_bytes = config->memory_monitor.max_heap_alloc_bytes,
        .max_goroutines = config->memory_monitor.max_goroutines,
        .max_history_size = config->memory_monitor.max_history_size,
        .check_interval_ns = config->memory_monitor.check_interval_ns,
        .cleanup_interval_ns = config->memory_monitor.cleanup_interval_ns,
        .memory_alert_percent = config->memory_monitor.memory_alert_percent,
    };
    const struct pma_monitor_hooks hooks = {
        .sample = sample_hook,
        .collect = collect_hook,
        .clean_up = clean_up_hook,
        .limit = config->memory_monitor.dynamic_limits ? limit_hook : NULL,
        .arg = app,
    };
    const int err = pma_monitor_new(&settings, &hooks, &app->monitor);
    if (err != 0) {
        return err;
    }
    pma_monitor_set_memory_pressure_callback(app->monitor, on_memory_pressure, app);
    pma_monitor_set_goroutine_leak_callback(app->monitor, on_goroutine_leak, app);
    return config->memory_monitor.enabled ? pma_monitor_start(app->monitor) : 0;
}

static int start_pressure(struct pma_app *app)
{
    struct pma_pressure_config settings;
    const struct pma_pressure_hooks hooks = {
        .sample = sample_hook,
        .collections = collections_hook,
        .clean_up = clean_up_hook,
        .collect = collect_and_tell_hook,
        .arg = app,
    };
    pma_pressure_defaults(&settings);
    settings.monitor_interval_ns = app->config->memory_monitor.pressure_interval_ns;
    const int err = pma_pressure_new(&settings, &hooks, &app->pressure);
    if (err != 0) {
        return err;
    }
    return app->config->memory_monitor.enabled ? pma_pressure_start(app->pressure) : 0;
}

/* Fills a pool that missed often up to what it was asked for in vain, its size at most.
 */
static void preallocate(bool aggressive)
{
    for (int id = PMA_POOL_NONE + 1; id < PMA_POOL_END; id++) {
        struct pma_pool_stats stats;
        pma_pool_stats_read((enum pma_pool_id)id, &stats);
        const uint64_t missed = aggressive ? stats.max_size : stats.misses;
        const uint32_t wanted =
            missed < stats.max_size ? (uint32_t)missed : stats.max_size;
        pma_pool_fill((enum pma_pool_id)id, aggressive ? wanted : wanted / 2);
    }
}

static void run_component(void *arg, unsigned component, bool aggressive)
{
    struct pma_app *app = arg;
    switch (component) {
    case 0: /* gc */
        pma_reclaim_run(app->reclaim, NULL);
        break;
    case 1: /* pools: gc empties them already; what came back since goes too */
        if (aggressive) {
            pma_pools_trim();
        }
        break;
    case 2: /* pressure */
        pma_pressure_check(app->pressure);
        break;
    default: /* preallocation */
        preallocate(aggressive);
        break;
    }
}

static uint64_t heap_bytes_hook(void *arg)
{
    const struct pma_app *app = arg;
    struct pma_memory_snapshot now;
    pma_reclaim_sample(app->reclaim, &now);
    return now.heap_alloc;
}

int pma_memory_parts_start(struct pma_app *app)
{
    const struct pma_optimizer_hooks hooks = {
        .run = run_component, .heap_bytes = heap_bytes_hook, .arg = app};
    SEEP_SUBSYSTEM("monitor");
    int err = start_monitor(app);
    if (err == 0) {
        err = start_pressure(app);
    }
    if (err == 0) {
        err = pma_optimizer_new(app->config->memory_monitor.optimize_interval_ns, &hooks,
                                &app->optimizer);
    }
    return err;
}

int pma_memory_parts_stop(struct pma_app *app, uint64_t timeout_ns)
{
    int left = 0;
    if (app->optimizer != NULL) {
        left |= pma_optimizer_stop(app->optimizer, timeout_ns);
    }
    if (app->pressure != NULL) {
        left |= pma_pressure_stop(app->pressure, timeout_ns);
    }
    if (app->monitor != NULL) {
        left |= pma_monitor_stop(app->monitor, timeout_ns);
    }
    return left;
}

void pma_memory_parts_free(struct pma_app *app)
{
    pma_optimizer_free(app->optimizer);
    pma_pressure_free(app->pressure);
    pma_monitor_free(app->monitor);
    pma_call_sites_fini();
    pma_metrics_fini();
    pma_pools_trim();
    (void)pma_log_recent_size(0);
}
