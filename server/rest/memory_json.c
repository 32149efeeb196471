/* Shapes of the memory API.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/memory_json.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/monitor/call_sites.h"
#include "server/monitor/leak_detect.h"
#include "server/monitor/monitor.h"
#include "server/monitor/reclaim.h"
#include "server/rest/app.h"
#include "server/rest/exchange.h"
#include "server/worker/worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SITES_MAX    3
#define RATE_LEAST_S 60.0 /* that a rate of collections is taken over */

static json_t *wall_json(uint64_t wall_us)
{
    char seconds[24];
    char text[PMA_TIMESTAMP_BYTES];
    struct tm utc;
    const time_t whole = (time_t)(wall_us / 1000000);
    gmtime_r(&whole, &utc);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof text, "%s.%06uZ", seconds, (unsigned)(wall_us % 1000000));
    return json_string(text);
}

json_t *pma_snapshot_json(const struct pma_memory_snapshot *snapshot)
{
    return json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:f}", "timestamp",
        wall_json(snapshot->wall_us), "heap_alloc", (json_int_t)snapshot->heap_alloc,
        "heap_sys", (json_int_t)snapshot->heap_sys, "heap_idle",
        (json_int_t)snapshot->heap_idle, "heap_inuse", (json_int_t)snapshot->heap_inuse,
        "heap_released", (json_int_t)snapshot->heap_released, "heap_objects",
        (json_int_t)snapshot->heap_objects, "goroutines", (int)snapshot->goroutines,
        "memory_usage_percent", snapshot->memory_usage_percent);
}

json_t *pma_pool_json(enum pma_pool_id id)
{
    struct pma_pool_stats stats;
    pma_pool_stats_read(id, &stats);
    const double hit_rate = stats.gets > 0 ? (double)stats.hits / (double)stats.gets : 0;
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:o}", "name",
        stats.name, "gets", (json_int_t)stats.gets, "puts", (json_int_t)stats.puts,
        "hits", (json_int_t)stats.hits, "misses", (json_int_t)stats.misses, "discarded",
        (json_int_t)stats.discarded, "size", (json_int_t)stats.size, "max_size",
        (json_int_t)stats.max_size, "idle_bytes", (json_int_t)stats.idle_bytes,
        "hit_rate", hit_rate, "last_reset", pma_json_instant(stats.last_reset_ns),
        "created_at", pma_json_instant(stats.created_at_ns));
}

json_t *pma_pools_json(void)
{
    json_t *pools = json_object();
    for (int id = PMA_POOL_NONE + 1; id < PMA_POOL_END; id++) {
        json_t *pool = pma_pool_json((enum pma_pool_id)id);
        json_object_set_new(pools, json_string_value(json_object_get(pool, "name")),
                            pool);
    }
    return pools;
}

double pma_alloc_rate_per_s(const struct pma_app *app,
                            const struct pma_memory_snapshot *now)
{
    struct pma_memory_snapshot last = {.at_ns = app->started_at_ns};
    pma_monitor_history(app->monitor, &last, 1);
    /* Negative when the monitor has looked meanwhile. */
    const double elapsed_s = ((double)now->at_ns - (double)last.at_ns) / 1e9;
    return elapsed_s > 0 && now->heap_total > last.heap_total
               ? (double)(now->heap_total - last.heap_total) / elapsed_s
               : 0;
}

double pma_collections_per_s(const struct pma_reclaim_totals *gc, uint64_t now_ns)
{
    const double counted_s = (double)(now_ns - gc->since_ns) / 1e9;
    return (double)gc->runs / fmax(counted_s, RATE_LEAST_S);
}

json_t *pma_memory_figures_json(const struct pma_app *app,
                                struct pma_memory_snapshot *now)
{
    struct pma_reclaim_totals gc;
    pma_reclaim_sample(app->reclaim, now);
    pma_reclaim_totals_read(app->reclaim, &gc);
    const double utilization =
        now->heap_inuse > 0 ? 100.0 * (double)now->heap_alloc / (double)now->heap_inuse
                            : 0;
    return json_pack("{s:I, s:I, s:f, s:i, s:o, s:f, s:f, s:f}", "heap_size",
                     (json_int_t)now->heap_sys, "heap_in_use",
                     (json_int_t)now->heap_inuse, "heap_utilization", utilization,
                     "num_goroutines", (int)now->goroutines, "gc_pause_time",
                     pma_json_duration(gc.last_duration_ns), "alloc_rate",
                     pma_alloc_rate_per_s(app, now), "gc_frequency",
                     pma_collections_per_s(&gc, now->at_ns), "memory_usage_percent",
                     now->memory_usage_percent);
}

double pma_health_score(double usage_percent, enum pma_pressure_level level, double per_s,
                        double pause_ms)
{
    static const double pressure[PMA_PRESSURE_LEVELS] = {0, 0, 10, 20, 40};
    double score = 100 - pressure[level < PMA_PRESSURE_LEVELS ? level : 0];
    score -= usage_percent > 80 ? 2 * (usage_percent - 80) : 0;
    score -= per_s > 0.1 ? 100 * (per_s - 0.1) : 0;
    score -= pause_ms > 10 ? 0.5 * (pause_ms - 10) : 0;
    return score > 0 ? score : 0;
}

double pma_health_score_now(const struct pma_app *app,
                            const struct pma_memory_snapshot *now)
{
    struct pma_pressure_status pressure;
    struct pma_reclaim_totals gc;
    pma_pressure_status_read(app->pressure, &pressure);
    pma_reclaim_totals_read(app->reclaim, &gc);
    return pma_health_score(now->memory_usage_percent, pressure.level,
                            pma_collections_per_s(&gc, now->at_ns),
                            (double)gc.last_duration_ns / 1e6);
}

/* What to do about a leak. */
static const char *suggestion(enum pma_leak_type type)
{
    switch (type) {
    case PMA_LEAK_GOROUTINE_LEAK:
    case PMA_LEAK_GOROUTINE_EXPLOSION:
        return "Look at /debug/pprof/goroutine for the name that most threads share";
    case PMA_LEAK_FD_LEAK:
        return "Look at /proc/PID/fd for what most descriptors are open on";
    case PMA_LEAK_TIMER_LEAK:
        return "Delete timers when what they were made for has ended";
    case PMA_LEAK_QUEUE_GROWTH:
        return "Look at websocket/stats for slow and absent clients";
    case PMA_LEAK_RATE_SPIKE:
        return "Compare /debug/pprof/heap (alloc_space) before and after";
    case PMA_LEAK_GC_INEFFICIENCY:
        return "Collections free nothing: what is held is in use, or leaked";
    default:
        return "Compare /debug/pprof/heap at two instants; record with seep run";
    }
}

static uint32_t site_kind(const char *resource)
{
    if (strcmp(resource, "thread") == 0) {
        return SEEP_SITE_THREAD;
    }
    if (strcmp(resource, "fd") == 0) {
        return SEEP_SITE_FD;
    }
    if (strcmp(resource, "timer") == 0) {
        return SEEP_SITE_TIMER;
    }
    return SEEP_SITE_HEAP;
}

/* [{subsystem, live, live_bytes, grown, stack[]}] */
static json_t *sites_json(const struct pma_call_site *sites, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *stack = json_array();
        for (int frame = 0; frame < sites[i].depth; frame++) {
            char text[200];
            pma_frame_text(sites[i].frames[frame], text, sizeof text);
            json_array_append_new(stack, json_string(text));
        }
        json_array_append_new(
            list, json_pack("{s:s, s:I, s:I, s:I, s:o}", "subsystem", sites[i].subsystem,
                            "live", (json_int_t)sites[i].live, "live_bytes",
                            (json_int_t)sites[i].live_bytes, "grown",
                            (json_int_t)sites[i].grown, "stack", stack));
    }
    return list;
}

/* The frames of the first site, a line each, as Go writes a stack. */
static json_t *trace_json(const json_t *sites)
{
    char text[4000];
    size_t used = 0;
    size_t i = 0;
    const json_t *frame = NULL;
    text[0] = '\0';
    json_array_foreach(json_object_get(json_array_get(sites, 0), "stack"), i, frame)
    {
        const int more = snprintf(text + used, sizeof text - used, "%s%s",
                                  used > 0 ? "\n" : "", json_string_value(frame));
        if (more < 0 || (size_t)more >= sizeof text - used) {
            text[used] = '\0';
            break;
        }
        used += (size_t)more;
    }
    return json_string(text);
}

/* Where it is: the innermost frame that is the program's own; without libseep what the
 * server knows by itself. */
static json_t *location_json(const json_t *sites, const char *resource)
{
    const json_t *stack = json_object_get(json_array_get(sites, 0), "stack");
    const json_t *frame = NULL;
    size_t i = 0;
    char text[240];
    json_array_foreach(stack, i, frame)
    {
        if (strstr(json_string_value(frame), "pma-backend") != NULL) {
            return json_incref(json_array_get(stack, i));
        }
    }
    if (strcmp(resource, "thread") == 0) {
        char name[32];
        const size_t count = pma_worker_commonest(name);
        snprintf(text, sizeof text, "worker %s (%zu of that name)", name, count);
    } else if (json_array_size(stack) > 0) {
        return json_incref(json_array_get(stack, 0));
    } else {
        snprintf(text, sizeof text, "unknown: libseep.so is not preloaded");
    }
    return json_string(text);
}

static json_t *leak_json(const struct pma_leak *leak)
{
    const char *resource = pma_leak_resource_name(leak->type);
    struct pma_call_site *found = calloc(SITES_MAX, sizeof *found);
    const size_t count = found != NULL && strcmp(resource, "queue") != 0
                             ? pma_call_sites_grown(site_kind(resource), found, SITES_MAX)
                             : 0;
    json_t *sites = sites_json(found, count);
    json_t *subsystem =
        count > 0 ? json_string(found[0].subsystem) : json_string("unknown");
    free(found);
    return json_pack(
        "{s:s, s:I, s:o, s:o, s:o, s:s, s:[s], s:s, s:o, s:f, s:f, s:o, s:o}", "type",
        pma_leak_type_name(leak->type), "size", (json_int_t)leak->size, "location",
        location_json(sites, resource), "stack_trace", trace_json(sites), "detected_at",
        pma_json_now(), "severity", pma_severity_name(leak->severity), "suggestions",
        suggestion(leak->type), "resource", resource, "subsystem", subsystem, "from",
        leak->from, "to", leak->to, "since", pma_json_instant(leak->since_ns),
        "call_sites", sites);
}

json_t *pma_leaks_json(const struct pma_app *app)
{
    const uint32_t most = app->config->memory_monitor.max_history_size;
    struct pma_memory_snapshot *history = calloc((size_t)most + 1, sizeof *history);
    struct pma_leak leaks[PMA_LEAK_END];
    struct pma_monitor_status status;
    struct pma_reclaim_totals gc;
    if (history == NULL) {
        return NULL;
    }
    pma_monitor_status_read(app->monitor, &status);
    pma_reclaim_totals_read(app->reclaim, &gc);
    const struct pma_leak_evidence evidence = {
        .history = history,
        .history_count = pma_monitor_history(app->monitor, history, most),
        .baseline_goroutines = status.baseline_goroutines,
        .collections = gc.runs,
        .last_released_bytes = gc.last_released_bytes,
    };
    const size_t count = pma_leaks_detect(&evidence, leaks);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, leak_json(&leaks[i]));
    }
    free(history);
    return list;
}
