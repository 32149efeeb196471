/* Memory statistics, forced collection, and the memory monitor over REST.
 *
 * The names of the fields are Go's, because the scripts and clients of the original read
 * them; server/monitor/memory_sample.h says what each is here. Fields for which a C
 * program has nothing (gc_sys, buck_hash_sys) are 0.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/arena/arena.h"
#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/fault/lost_stop.h"
#include "server/monitor/monitor.h"
#include "server/monitor/reclaim.h"
#include "server/rest/app.h"
#include "server/rest/leaks_client.h"
#include "server/rest/memory_json.h"
#include "server/rest/routes.h"
#include "server/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_TIMEOUT_NS PMA_S_NS
/* Workers listed in one reply: their number is bounded only while no fault leaks them. */
#define WORKERS_MAX 128
#define ARENAS_MAX  32

static json_t *subsystems_json(void)
{
    struct pma_arena_info infos[ARENAS_MAX];
    const size_t count = pma_arena_list(infos, ARENAS_MAX);
    json_t *subsystems = json_object();
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(subsystems, infos[i].subsystem,
                            json_pack("{s:I, s:I}", "allocated_bytes",
                                      (json_int_t)infos[i].allocated_bytes,
                                      "active_bytes", (json_int_t)infos[i].active_bytes));
    }
    return subsystems;
}

/* The members that the original's MemoryStats had beside the snapshot. */
static json_t *details_json(const struct pma_app *app,
                            const struct pma_memory_snapshot *now)
{
    struct pma_reclaim_totals gc;
    pma_reclaim_totals_read(app->reclaim, &gc);
    const uint64_t heap_resident = now->heap_inuse + now->heap_idle;
    const json_int_t cached = (json_int_t)pma_heap_cached_bytes();
    const json_int_t stack = (json_int_t)now->stack;
    const json_int_t metadata = (json_int_t)now->heap_metadata;
    const json_int_t other =
        now->resident > heap_resident ? (json_int_t)(now->resident - heap_resident) : 0;
    const double utilization =
        now->heap_inuse > 0 ? 100.0 * (double)now->heap_alloc / (double)now->heap_inuse
                            : 0;
    json_t *memory = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:I}", "heap_size",
        (json_int_t)now->heap_sys, "heap_in_use", (json_int_t)now->heap_inuse,
        "stack_in_use", stack, "stack_sys", stack, "mspan_in_use", metadata, "mspan_sys",
        metadata, "mcache_in_use", cached, "mcache_sys", cached, "buck_hash_sys", 0,
        "gc_sys", 0, "other_sys", other, "resident", (json_int_t)now->resident, "next_gc",
        (json_int_t)app->config->memory_monitor.max_heap_alloc_bytes);
    json_t *rates = json_pack(
        "{s:o, s:I, s:i, s:I, s:f, s:f, s:f, s:o, s:s}", "last_gc",
        pma_json_instant(gc.last_at_ns), "gc_pause_time", (json_int_t)gc.last_duration_ns,
        "num_goroutines", (int)now->goroutines, "num_gc", (json_int_t)gc.runs,
        "alloc_rate", pma_alloc_rate_per_s(app, now), "gc_frequency",
        pma_collections_per_s(&gc, now->at_ns), "heap_utilization", utilization,
        "subsystems", subsystems_json(), "allocator",
        pma_heap_is_jemalloc() ? "jemalloc" : "libc");
    json_object_update_missing(memory, rates);
    json_decref(rates);
    return memory;
}

void pma_handle_memory_stats(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_memory_snapshot now;
    pma_reclaim_sample(request->app->reclaim, &now);
    json_t *snapshot = pma_snapshot_json(&now);
    json_t *data = json_copy(snapshot);
    json_t *details = details_json(request->app, &now);
    json_object_update_missing(data, details);
    json_decref(details);
    pma_reply_data(reply, data);
    json_object_update_missing(reply->body, snapshot);
    json_decref(snapshot);
}

void pma_handle_memory_gc(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_reclaim_result gc;
    pma_reclaim_run(request->app->reclaim, &gc);
    const json_int_t before = (json_int_t)gc.before.heap_alloc;
    const json_int_t after = (json_int_t)gc.after.heap_alloc;
    const double efficiency =
        before > 0 ? 100.0 * (double)(before - after) / (double)before : 0;
    pma_reply_flat(
        reply,
        json_pack(
            "{s:o, s:o, s:{s:I, s:I}, s:{s:I, s:I}, s:I, s:I, s:f, s:I, s:I, s:o, s:b}",
            "triggered_at", pma_json_now(), "duration", pma_json_duration(gc.duration_ns),
            "before", "heap_in_use", (json_int_t)gc.before.heap_inuse, "heap_size",
            (json_int_t)gc.before.heap_sys, "after", "heap_in_use",
            (json_int_t)gc.after.heap_inuse, "heap_size", (json_int_t)gc.after.heap_sys,
            "memory_freed", before - after, "memory_released",
            (json_int_t)gc.released_bytes, "efficiency", efficiency, "before_heap",
            before, "after_heap", after, "gc_duration", pma_json_duration(gc.duration_ns),
            "success", 1));
}

static json_t *history_json(const struct pma_app *app)
{
    const uint32_t most = app->config->memory_monitor.max_history_size;
    json_t *history = json_array();
    struct pma_memory_snapshot *snapshots = calloc(most, sizeof *snapshots);
    if (snapshots == NULL) {
        json_decref(history);
        return NULL;
    }
    const size_t count = pma_monitor_history(app->monitor, snapshots, most);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(history, pma_snapshot_json(&snapshots[i]));
    }
    free(snapshots);
    return history;
}

static json_t *alerts_json(const struct pma_app *app)
{
    struct pma_alert alerts[PMA_ALERT_KINDS];
    const size_t count = pma_monitor_alerts(app->monitor, alerts);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct pma_alert *alert = &alerts[i];
        const char *kind = pma_alert_kind_name(alert->kind);
        char id[48];
        snprintf(id, sizeof id, "%s-%llu", kind, (unsigned long long)alert->episode);
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:f, s:f, s:o, s:o, s:I, s:b}", "id", id, "type",
                      kind, "severity", alert->critical ? "critical" : "warning", "value",
                      alert->value, "threshold", alert->threshold, "first_seen",
                      pma_json_instant(alert->first_seen_ns), "last_seen",
                      pma_json_instant(alert->last_seen_ns), "count",
                      (json_int_t)alert->count, "resolved", (int)alert->resolved));
    }
    return list;
}

static json_t *workers_json(void)
{
    json_t *list = json_array();
    struct pma_worker_info *infos = calloc(WORKERS_MAX, sizeof *infos);
    if (infos == NULL) {
        json_decref(list);
        return NULL;
    }
    const size_t count = pma_worker_list(infos, WORKERS_MAX);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:i, s:o, s:I, s:o, s:o, s:s}", "name", infos[i].name,
                      "subsystem", infos[i].subsystem, "tid", infos[i].tid, "interval",
                      pma_json_duration(infos[i].interval_ns), "runs",
                      (json_int_t)infos[i].runs, "started_at",
                      pma_json_instant(infos[i].started_at_ns), "last_run",
                      pma_json_instant(infos[i].last_run_at_ns), "state",
                      infos[i].ended      ? "ended"
                      : infos[i].stopping ? "stopping"
                                          : "running"));
    }
    free(infos);
    return list;
}

static json_t *settings_json(const struct pma_monitor_config *config)
{
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:i, s:f}", "max_memory_usage_bytes",
                     (json_int_t)config->max_memory_usage_bytes, "max_goroutines",
                     (json_int_t)config->max_goroutines, "max_heap_alloc_bytes",
                     (json_int_t)config->max_heap_alloc_bytes, "check_interval",
                     pma_json_duration(config->check_interval_ns), "cleanup_interval",
                     pma_json_duration(config->cleanup_interval_ns), "max_history_size",
                     (int)config->max_history_size, "memory_alert_percent",
                     config->memory_alert_percent);
}

/* What is in force now: the configured limits, or less where the cgroup allows less. */
static json_t *limits_json(const struct pma_app *app,
                           const struct pma_monitor_status *status)
{
    const struct pma_memory_limits *limits = &status->limits;
    const bool dynamic = app->config->memory_monitor.dynamic_limits;
    return json_pack(
        "{s:b, s:f, s:I, s:I, s:o, s:o, s:I}", "dynamic", (int)dynamic, "percent",
        app->config->memory_monitor.dynamic_limit_percent, "max_memory_usage_bytes",
        (json_int_t)limits->max_memory_usage_bytes, "max_heap_alloc_bytes",
        (json_int_t)limits->max_heap_alloc_bytes, "cgroup_limit_bytes",
        limits->cgroup_bytes != UINT64_MAX
            ? json_integer((json_int_t)limits->cgroup_bytes)
            : json_null(),
        "cgroup_version",
        limits->cgroup_version != 0 ? json_integer((json_int_t)limits->cgroup_version)
                                    : json_null(),
        "changes", (json_int_t)status->limit_changes);
}

static json_t *monitor_json(const struct pma_app *app)
{
    struct pma_monitor_status status;
    pma_monitor_status_read(app->monitor, &status);
    const struct pma_monitor_config *config = pma_monitor_config_get(app->monitor);
    const double counted_s = (double)(pma_now_ns() - status.since_ns) / 1e9;
    return json_pack(
        "{s:b, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:f, s:I, s:b, s:o, s:o, s:I, s:o}",
        "monitoring_active", (int)status.active, "update_interval",
        pma_json_duration(config->check_interval_ns), "last_update",
        pma_json_instant(status.last_check_ns), "config", settings_json(config), "limits",
        limits_json(app, &status), "baseline_goroutines",
        (json_int_t)status.baseline_goroutines, "checks", (json_int_t)status.checks,
        "cleanups", (json_int_t)status.cleanups, "cleanup_frequency",
        counted_s > 0 ? (double)status.cleanups / counted_s : 0.0, "pressure_events",
        (json_int_t)status.pressure_events, "under_pressure",
        (int)(status.pressure_rounds > 0), "history", history_json(app), "alerts",
        alerts_json(app), "worker_count", (json_int_t)pma_worker_count(), "workers",
        workers_json());
}

/* With what Seep has found of this process, which has to be asked for. */
static void run_memory_monitor(struct pma_request *request, struct pma_reply *reply)
{
    json_t *data = monitor_json(request->app);
    json_t *findings = pma_leaks_findings();
    json_object_set_new(data, "live_findings", findings != NULL ? findings : json_null());
    pma_reply_data(reply, data);
}

void pma_handle_memory_monitor(struct pma_request *request, struct pma_reply *reply)
{
    if (pma_leaks_is_watched()) {
        reply->later = run_memory_monitor;
        return;
    }
    pma_reply_data(reply, monitor_json(request->app));
}

void pma_handle_memory_monitor_start(struct pma_request *request, struct pma_reply *reply)
{
    const int err = pma_monitor_start(request->app->monitor);
    if (err != 0) {
        pma_reply_error(reply, request, 503, "The memory monitor cannot start: %s",
                        strerrordesc_np(-err));
        return;
    }
    pma_reply_flat(reply, json_pack("{s:o, s:b, s:s}", "started_at", pma_json_now(),
                                    "monitoring_active", 1, "message",
                                    "Memory monitoring is active"));
}

void pma_handle_memory_monitor_stop(struct pma_request *request, struct pma_reply *reply)
{
    const int err = pma_monitor_stop(request->app->monitor, STOP_TIMEOUT_NS);
    if (err != 0) {
        pma_reply_error(reply, request, 503, "The memory monitor does not stop: %s",
                        strerrordesc_np(-err));
        return;
    }
    pma_lost_stop_monitor();
    pma_reply_flat(reply, json_pack("{s:o, s:b, s:s}", "stopped_at", pma_json_now(),
                                    "monitoring_active", 0, "message",
                                    "Memory monitoring is stopped"));
}
