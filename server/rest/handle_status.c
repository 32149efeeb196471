/* Is the server there, is it well, and on what machine.
 *
 * Nothing here waits: the original measured the processor for a second per request.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seep/seep.h"
#include "server/arena/arena.h"
#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/entity/entity_sync.h"
#include "server/hub/hub.h"
#include "server/log/log_recent.h"
#include "server/monitor/machine.h"
#include "server/monitor/reclaim.h"
#include "server/rest/app.h"
#include "server/rest/memory_json.h"
#include "server/rest/routes.h"
#include "server/store/cache.h"
#include "server/store/store.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LOGS_DEFAULT 100
#define LOGS_MAX     10000

static json_int_t uptime_s(const struct pma_app *app)
{
    return (json_int_t)((pma_now_ns() - app->started_at_ns) / PMA_S_NS);
}

static bool is_true(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

/* {id: {connected, type, version, health}} of the sources of entities. */
static json_t *adapters_json(const struct pma_app *app)
{
    json_t *adapters = json_object();
    json_t *sources = app->sync != NULL ? pma_sync_status_json(app->sync) : NULL;
    size_t i = 0;
    const json_t *source = NULL;
    json_array_foreach(sources, i, source)
    {
        const char *id = json_string_value(json_object_get(source, "id"));
        const char *type = json_string_value(json_object_get(source, "source"));
        const bool healthy = is_true(source, "is_healthy");
        json_object_set_new(adapters, id != NULL ? id : "unknown",
                            json_pack("{s:b, s:s, s:s, s:s}", "connected",
                                      (int)is_true(source, "connected"), "type",
                                      type != NULL ? type : "unknown", "version",
                                      SEEP_VERSION, "health",
                                      healthy ? "healthy" : "unhealthy"));
    }
    json_decref(sources);
    return adapters;
}

void pma_handle_health(struct pma_request *request, struct pma_reply *reply)
{
    json_t *adapters = adapters_json(request->app);
    const int count = (int)json_object_size(adapters);
    json_t *data = json_pack(
        "{s:s, s:o, s:s, s:s, s:b, s:b, s:o, s:i, s:{s:b, s:b}}", "status", "healthy",
        "timestamp", pma_json_now(), "service", "pma-backend", "version", SEEP_VERSION,
        "connected", 1, "backendAvailable", 1, "adapters", adapters, "adapter_count",
        count, "error_handling", "structured_errors", 1, "request_limits", 1);
    pma_reply_data(reply, data);
    /* Scripts look for .status at the top: there it is the server's, not the reply's. */
    json_object_set_new(reply->body, "status", json_string("healthy"));
}

void pma_handle_system_health(struct pma_request *request, struct pma_reply *reply)
{
    char uptime[40];
    pma_duration_text(pma_now_ns() - request->app->started_at_ns, uptime, sizeof uptime);
    reply->status = 200; /* bare, as the original's */
    reply->body =
        json_pack("{s:b, s:s, s:o, s:s, s:s}", "success", 1, "status", "healthy",
                  "timestamp", pma_json_now(), "uptime", uptime, "version", SEEP_VERSION);
}

static json_t *database_json(const struct pma_app *app)
{
    json_t *store = pma_store_stats_json(app->store);
    const json_t *last_error = json_object_get(store, "last_error");
    json_t *database =
        json_pack("{s:s, s:s, s:o}", "status", store == NULL ? "error" : "connected",
                  "type", "sqlite", "lastCheck", pma_json_now());
    if (last_error != NULL) {
        json_object_set(database, "last_error", (json_t *)(uintptr_t)last_error);
    }
    json_decref(store);
    return database;
}

void pma_handle_system_status(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_machine machine;
    pma_machine_read(&machine);
    const uint64_t used =
        machine.memory_total_bytes > machine.memory_available_bytes
            ? machine.memory_total_bytes - machine.memory_available_bytes
            : 0;
    pma_reply_data(
        reply, json_pack("{s:{s:s, s:s, s:o}, s:{s:s, s:b}, s:o, s:{s:I, s:I, s:f, s:I}, "
                         "s:I}",
                         "server", "name", "pma-backend", "status", "running",
                         "lastCheck", pma_json_now(), "homeAssistant", "status",
                         "not_configured", "connected", 0, "database",
                         database_json(request->app), "memory", "used", (json_int_t)used,
                         "total", (json_int_t)machine.memory_total_bytes, "percentage",
                         machine.memory_percent, "available",
                         (json_int_t)machine.memory_available_bytes, "uptime",
                         uptime_s(request->app)));
}

void pma_handle_system_metrics(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_machine machine;
    struct pma_memory_snapshot now;
    pma_machine_read(&machine);
    pma_reclaim_sample(request->app->reclaim, &now);
    const json_int_t total = (json_int_t)machine.memory_total_bytes;
    json_t *data =
        json_pack("{s:f, s:f, s:I, s:I, s:f, s:I, s:I, s:I, s:s, s:f, s:f, s:I, s:I}",
                  "cpuUsage", machine.cpu_percent, "memoryUsage", machine.memory_percent,
                  "memoryUsed", total - (json_int_t)machine.memory_available_bytes,
                  "memoryTotal", total, "diskUsage", machine.disk_percent, "diskTotal",
                  (json_int_t)machine.disk_total_bytes, "diskFree",
                  (json_int_t)machine.disk_free_bytes, "uptime", uptime_s(request->app),
                  "connectionStatus", "connected", "loadAverage", machine.load_1m,
                  "processCpuS", pma_machine_process_cpu_s(), "processResident",
                  (json_int_t)now.resident, "processThreads", (json_int_t)now.goroutines);
    if (machine.cpu_celsius > 0) {
        json_object_set_new(data, "cpuTemperature", json_real(machine.cpu_celsius));
    }
    pma_reply_data(reply, data);
}

void pma_handle_system_info(struct pma_request *request, struct pma_reply *reply)
{
    struct utsname names;
    struct pma_machine machine;
    const struct pma_app *app = request->app;
    pma_machine_read(&machine);
    if (uname(&names) != 0) {
        memset(&names, 0, sizeof names);
    }
    pma_reply_data(
        reply,
        json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:b, s:o, s:I, "
                  "s:I, s:I}",
                  "name", "pma-backend", "version", SEEP_VERSION, "pid", (int)getpid(),
                  "hostname", names.nodename, "os", names.sysname, "kernel",
                  names.release, "architecture", names.machine, "processors",
                  (json_int_t)machine.processors, "memoryTotal",
                  (json_int_t)machine.memory_total_bytes, "allocator",
                  pma_heap_is_jemalloc() ? "jemalloc" : "libc", "seepLoaded",
                  seep_present(), "startedAt", pma_json_instant(app->started_at_ns),
                  "uptime", uptime_s(app), "systemUptime", (json_int_t)machine.uptime_s,
                  "debugPort", (json_int_t)app->config->debug.port));
}

/* How a part is: its name and what it says of itself. */
static json_t *component(const char *status, json_t *details)
{
    return json_pack("{s:s, s:o*}", "status", status, "details", details);
}

static const char *worst(const json_t *components)
{
    const char *name = NULL;
    json_t *part = NULL;
    const char *found = "healthy";
    json_object_foreach((json_t *)(uintptr_t)components, name, part)
    {
        const char *status = json_string_value(json_object_get(part, "status"));
        if (strcmp(status, "unhealthy") == 0) {
            return "unhealthy";
        }
        found = strcmp(status, "degraded") == 0 ? "degraded" : found;
    }
    return found;
}

static json_t *memory_component(const struct pma_app *app)
{
    struct pma_memory_snapshot now;
    struct pma_pressure_status pressure;
    pma_reclaim_sample(app->reclaim, &now);
    pma_pressure_status_read(app->pressure, &pressure);
    const char *status = pressure.level >= PMA_PRESSURE_CRITICAL ? "unhealthy"
                         : pressure.level >= PMA_PRESSURE_MEDIUM ? "degraded"
                                                                 : "healthy";
    return component(status, json_pack("{s:s, s:f, s:f}", "pressure",
                                       pma_pressure_level_name(pressure.level),
                                       "usage_percent", now.memory_usage_percent,
                                       "health_score", pma_health_score_now(app, &now)));
}

void pma_handle_system_health_detailed(struct pma_request *request,
                                       struct pma_reply *reply)
{
    const struct pma_app *app = request->app;
    json_t *components = json_object();
    json_object_set_new(components, "memory", memory_component(app));
    json_t *store = pma_store_stats_json(app->store);
    json_object_set_new(components, "database",
                        component(store != NULL ? "healthy" : "unhealthy", store));
    json_t *cache = pma_cache_stats_json(app->cache);
    const char *redis = !is_true(cache, "enabled")     ? "disabled"
                        : is_true(cache, "is_healthy") ? "healthy"
                                                       : "degraded";
    json_object_set_new(components, "redis", component(redis, cache));
    json_t *hub = pma_hub_stats_json(app->hub);
    json_object_set_new(
        components, "websocket",
        component(hub != NULL ? "healthy" : "unhealthy",
                  json_pack("{s:O, s:i}", "connected_clients",
                            json_object_get(hub, "connected_clients"), "max_clients",
                            (int)app->config->websocket.max_clients)));
    json_decref(hub);
    const char *status = worst(components);
    pma_reply_data(reply,
                   json_pack("{s:s, s:s, s:o, s:o, s:I, s:s, s:o}", "status", status,
                             "overall_status", status, "components", components,
                             "adapters", adapters_json(app), "uptime", uptime_s(app),
                             "version", SEEP_VERSION, "timestamp", pma_json_now()));
}

static void add_line(void *arg, const char *line, size_t line_bytes)
{
    json_t *parsed = json_loadb(line, line_bytes, 0, NULL);
    json_array_append_new(arg, parsed != NULL ? parsed : json_stringn(line, line_bytes));
}

void pma_handle_system_logs(struct pma_request *request, struct pma_reply *reply)
{
    bool valid = true;
    enum pma_level level = PMA_LOG_DEBUG;
    const char *name = request->argument(request, "level");
    const uint64_t limit =
        pma_request_number(request, "limit", LOGS_DEFAULT, LOGS_MAX, &valid);
    if (!valid || (name != NULL && pma_level_parse(name, &level) != 0)) {
        pma_reply_error(
            reply, request, 400,
            "limit is a number from 0 to %d, level debug, info, warn or error", LOGS_MAX);
        return;
    }
    json_t *logs = json_array();
    const uint32_t count = pma_log_recent_each(level, (uint32_t)limit, add_line, logs);
    pma_reply_data(reply, json_pack("{s:o, s:I, s:I, s:I}", "logs", logs, "count",
                                    (json_int_t)count, "total",
                                    (json_int_t)pma_log_recent_count(), "dropped",
                                    (json_int_t)pma_log_dropped()));
}
