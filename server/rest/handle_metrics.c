/* /metrics: what is counted as it happens, and what is looked up when it is asked for.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub.h"
#include "server/metrics/metrics.h"
#include "server/monitor/machine.h"
#include "server/monitor/monitor.h"
#include "server/monitor/reclaim.h"
#include "server/pool/pool.h"
#include "server/rest/app.h"
#include "server/rest/http_server.h"
#include "server/rest/routes.h"
#include "server/sse/event_stream.h"

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

static void set_gauge(enum pma_metric metric, uint64_t value)
{
    pma_metric_set(metric, (double)value, PMA_NO_LABELS);
}

static void look_at_process(const struct pma_app *app)
{
    struct pma_memory_snapshot now;
    pma_reclaim_sample(app->reclaim, &now);
    set_gauge(PMA_METRIC_MEMORY_USAGE, now.heap_alloc);
    set_gauge(PMA_METRIC_GOROUTINES, now.goroutines);
    set_gauge(PMA_METRIC_RESIDENT, now.resident);
    set_gauge(PMA_METRIC_OPEN_FDS, now.fds);
    pma_metric_set(PMA_METRIC_CPU_SECONDS, pma_machine_process_cpu_s(), PMA_NO_LABELS);
}

static void look_at_machine(void)
{
    struct pma_machine machine;
    pma_machine_read(&machine);
    pma_metric_set(PMA_METRIC_CPU_PERCENT, machine.cpu_percent, PMA_NO_LABELS);
    pma_metric_set(PMA_METRIC_MEMORY_PERCENT, machine.memory_percent, PMA_NO_LABELS);
    pma_metric_set(PMA_METRIC_DISK_PERCENT, machine.disk_percent, PMA_NO_LABELS);
}

static uint64_t hub_total(const json_t *hub, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(hub, name));
}

static void look_at_connections(const struct pma_app *app)
{
    struct pma_http_info http;
    pma_http_info_read(app->http, &http);
    set_gauge(PMA_METRIC_HTTP_CONNECTIONS, http.connections);
    struct pma_event_stream_stats events;
    pma_event_stream_stats_read(app->events, &events);
    set_gauge(PMA_METRIC_SSE_CLIENTS, events.clients);
    json_t *hub = pma_hub_stats_json(app->hub);
    pma_metric_set(PMA_METRIC_WEBSOCKET_CONNECTIONS,
                   (double)json_integer_value(json_object_get(hub, "connected_clients")),
                   PMA_LABELS("websocket"));
    pma_metric_total(PMA_METRIC_WEBSOCKET_MESSAGES, hub_total(hub, "messages_received"),
                     PMA_LABELS("text", "received"));
    pma_metric_total(PMA_METRIC_WEBSOCKET_MESSAGES, hub_total(hub, "messages_sent"),
                     PMA_LABELS("text", "sent"));
    json_decref(hub);
}

static void look_at_pools(void)
{
    for (int id = PMA_POOL_NONE + 1; id < PMA_POOL_END; id++) {
        struct pma_pool_stats stats;
        pma_pool_stats_read((enum pma_pool_id)id, &stats);
        pma_metric_set(PMA_METRIC_POOL_BUFFERS, stats.size, PMA_LABELS(stats.name));
    }
}

static void look_at_alerts(const struct pma_app *app)
{
    struct pma_alert alerts[PMA_ALERT_KINDS];
    const size_t count = pma_monitor_alerts(app->monitor, alerts);
    for (size_t i = 0; i < count; i++) {
        const struct pma_alert *alert = &alerts[i];
        for (int critical = 0; critical < 2; critical++) {
            const bool active = !alert->resolved && alert->critical == (critical != 0);
            pma_metric_set(PMA_METRIC_ALERTS_ACTIVE, active ? 1 : 0,
                           PMA_LABELS(critical != 0 ? "critical" : "warning",
                                      pma_alert_kind_name(alert->kind)));
        }
    }
}

void pma_handle_metrics(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_buffer *text = pma_pool_get(PMA_POOL_STRING_BUILDER);
    if (text != NULL) {
        look_at_process(request->app);
        look_at_machine();
        look_at_connections(request->app);
        look_at_pools();
        look_at_alerts(request->app);
        pma_metrics_render(text);
    }
    pma_reply_text(reply, text, CONTENT_TYPE);
}
