/* What the events of the stream say, and where they come from.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/event_wiring.h"

#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/hub/hub.h"
#include "server/monitor/reclaim.h"
#include "server/rest/http_response.h"
#include "server/rest/memory_json.h"
#include "server/sse/event_stream.h"

static json_t *status_hook(void *arg)
{
    const struct pma_app *app = arg;
    struct pma_memory_snapshot now;
    pma_reclaim_sample(app->reclaim, &now);
    return json_pack(
        "{s:s, s:s, s:I, s:i, s:f}", "status", "running", "version", SEEP_VERSION,
        "uptime", (json_int_t)((now.at_ns - app->started_at_ns) / PMA_S_NS), "goroutines",
        (int)now.goroutines, "memory_usage_percent", now.memory_usage_percent);
}

static json_t *memory_hook(void *arg)
{
    const struct pma_app *app = arg;
    struct pma_memory_snapshot now;
    pma_reclaim_sample(app->reclaim, &now);
    return pma_snapshot_json(&now);
}

static json_t *connections_hook(void *arg)
{
    const struct pma_app *app = arg;
    struct pma_event_stream_stats stats;
    pma_event_stream_stats_read(app->events, &stats);
    json_t *hub = pma_hub_stats_json(app->hub);
    json_t *data = json_pack(
        "{s:I, s:I, s:I}", "websocket",
        json_integer_value(json_object_get(hub, "connected_clients")), "websocket_total",
        json_integer_value(json_object_get(hub, "total_connections")), "events",
        (json_int_t)stats.clients);
    json_decref(hub);
    return data;
}

int pma_event_wire(struct pma_app *app)
{
    const struct pma_config *config = app->config;
    const struct pma_event_stream_config settings = {
        .max_clients = config->events.max_clients,
        .queue_events = config->events.queue_events,
        .heartbeat_interval_ns = config->events.heartbeat_interval_ns,
        .keepalive_interval_ns = config->events.keepalive_interval_ns,
        .figures_interval_ns = config->events.figures_interval_ns,
    };
    const struct pma_event_stream_hooks hooks = {
        .suspend = pma_http_suspend,
        .resume = pma_http_resume,
        .status = status_hook,
        .memory = memory_hook,
        .connections = connections_hook,
        .arg = app,
    };
    const int err = pma_event_stream_new(&settings, &hooks, &app->events);
    return err != 0 ? err : pma_event_stream_start(app->events);
}

void pma_event_observe(void *arg, const char *type, const json_t *data)
{
    pma_event_stream_publish(arg, type, data);
}
