/* Leaks, and the health of memory as a whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/monitor/memory_manager_lock.h"
#include "server/monitor/reclaim.h"
#include "server/rest/app.h"
#include "server/rest/leaks_client.h"
#include "server/rest/memory_json.h"
#include "server/rest/routes.h"

#include <string.h>

/* Whether the manager answers; else the reply is made. (Fault F31.) */
static bool enter_manager(const struct pma_request *request, struct pma_reply *reply)
{
    if (pma_manager_enter()) {
        return true;
    }
    pma_reply_error(reply, request, 503,
                    "The memory manager is locked for ever (fault F31)");
    return false;
}

static void reply_leaks(const struct pma_request *request, struct pma_reply *reply,
                        json_t *live_findings)
{
    json_t *leaks = pma_leaks_json(request->app);
    json_t *data =
        json_pack("{s:I, s:o, s:o}", "leaks_detected", (json_int_t)json_array_size(leaks),
                  "leaks", leaks, "scanned_at", pma_json_now());
    if (live_findings != NULL) {
        json_object_set_new(data, "live_findings", live_findings);
    }
    pma_reply_data(reply, data);
}

/* With what Seep has found of this process, which has to be asked for. */
static void run_memory_leaks(struct pma_request *request, struct pma_reply *reply)
{
    json_t *findings = pma_leaks_findings();
    reply_leaks(request, reply, findings != NULL ? findings : json_null());
}

void pma_handle_memory_leaks(struct pma_request *request, struct pma_reply *reply)
{
    if (!enter_manager(request, reply)) {
        return;
    }
    if (pma_leaks_is_watched()) {
        reply->later = run_memory_leaks;
        return;
    }
    reply_leaks(request, reply, NULL);
}

void pma_handle_memory_leaks_scan(struct pma_request *request, struct pma_reply *reply)
{
    static const char *const severities[] = {"low", "medium", "high", "critical"};
    if (!enter_manager(request, reply)) {
        return;
    }
    pma_reclaim_run(request->app->reclaim, NULL); /* caches are no leaks */
    json_t *leaks = pma_leaks_json(request->app);
    json_t *by_severity = json_object();
    for (size_t i = 0; i < sizeof severities / sizeof severities[0]; i++) {
        json_object_set_new(by_severity, severities[i], json_array());
    }
    size_t i = 0;
    json_t *leak = NULL;
    json_array_foreach(leaks, i, leak)
    {
        const char *severity = json_string_value(json_object_get(leak, "severity"));
        json_array_append(json_object_get(by_severity, severity), leak);
    }
    pma_reply_data(reply, json_pack("{s:I, s:o, s:b, s:o}", "total_leaks",
                                    (json_int_t)json_array_size(leaks), "by_severity",
                                    by_severity, "scan_complete", 1, "scanned_at",
                                    pma_json_now()));
    json_decref(leaks);
}

void pma_handle_memory_status(struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_app *app = request->app;
    struct pma_memory_snapshot now;
    struct pma_pressure_status pressure;
    if (!enter_manager(request, reply)) {
        return;
    }
    pma_pressure_status_read(app->pressure, &pressure);
    json_t *memory = pma_memory_figures_json(app, &now);
    json_t *pools = pma_pools_json();
    const json_int_t count = (json_int_t)json_object_size(pools);
    pma_reply_data(reply,
                   json_pack("{s:o, s:o, s:{s:s, s:I, s:o}, s:{s:I, s:o}, s:f}",
                             "timestamp", pma_json_now(), "memory", memory, "pressure",
                             "level", pma_pressure_level_name(pressure.level),
                             "event_count", (json_int_t)pressure.events, "last_event",
                             pma_json_instant(pressure.last_event_ns), "pools", "count",
                             count, "stats", pools, "health_score",
                             pma_health_score_now(app, &now)));
}

/* What the figures advise. */
static json_t *recommendations(const struct pma_memory_snapshot *now, const json_t *leaks,
                               double score)
{
    json_t *list = json_array();
    size_t i = 0;
    const json_t *leak = NULL;
    if (now->memory_usage_percent > 80) {
        json_array_append_new(list, json_string("Raise memory_monitor.max_memory_usage, "
                                                "or find what holds the memory"));
    }
    if (score < 60) {
        json_array_append_new(list, json_string("Watch memory/pressure: health is poor"));
    }
    json_array_foreach(leaks, i, leak)
    {
        json_array_append(list, json_array_get(json_object_get(leak, "suggestions"), 0));
    }
    return list;
}

static json_t *efficiency_json(const struct pma_reclaim_totals *gc, uint64_t now_ns)
{
    const uint64_t elapsed_ns = now_ns - gc->since_ns;
    const double overhead =
        elapsed_ns > 0 ? 100.0 * (double)gc->duration_ns / (double)elapsed_ns : 0;
    return json_pack("{s:o, s:o, s:f, s:f, s:f}", "average_pause_time",
                     pma_json_duration(gc->runs > 0 ? gc->duration_ns / gc->runs : 0),
                     "max_pause_time", pma_json_duration(gc->longest_duration_ns),
                     "gc_overhead", overhead, "collection_rate",
                     elapsed_ns > 0 ? (double)gc->runs * 1e9 / (double)elapsed_ns : 0.0,
                     "efficiency_score", overhead < 100 ? 100 - overhead : 0.0);
}

void pma_handle_memory_optimization_report(struct pma_request *request,
                                           struct pma_reply *reply)
{
    const struct pma_app *app = request->app;
    struct pma_memory_snapshot now;
    struct pma_reclaim_totals gc;
    if (!enter_manager(request, reply)) {
        return;
    }
    json_t *figures = pma_memory_figures_json(app, &now);
    json_t *leaks = pma_leaks_json(app);
    pma_reclaim_totals_read(app->reclaim, &gc);
    const double score = pma_health_score_now(app, &now);
    pma_reply_data(reply,
                   json_pack("{s:o, s:o, s:o, s:o, s:o, s:f}", "generated_at",
                             pma_json_now(), "current_stats", figures, "recommendations",
                             recommendations(&now, leaks, score), "detected_leaks", leaks,
                             "gc_efficiency", efficiency_json(&gc, now.at_ns),
                             "health_score", score));
}
