/* Figures of the parts, from their own info functions.
 *
 * A part that exists for the truth alone would be a second opinion; these are the figures
 * that the parts act on (a limit, a statistic), read under their own locks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/census.h"

#include "server/acceptor.h"
#include "server/auth/auth.h"
#include "server/config/config.h"
#include "server/entity/entity_service.h"
#include "server/entity/entity_store.h"
#include "server/entity/room_service.h"
#include "server/fault/resources.h"
#include "server/hub/hub.h"
#include "server/log/log.h"
#include "server/metrics/metrics.h"
#include "server/monitor/memory_manager_lock.h"
#include "server/monitor/monitor.h"
#include "server/monitor/stray_alerts.h"
#include "server/pool/pool.h"
#include "server/rest/access_log.h"
#include "server/rest/gate.h"
#include "server/rest/http_server.h"
#include "server/sse/event_stream.h"
#include "server/sse/turn_timers.h"
#include "server/worker/worker.h"

#include <jansson.h>
#include <stddef.h>

static void read_workers(void *arg, struct pma_figures *figures)
{
    (void)arg;
    struct pma_worker_figures workers;
    pma_worker_figures_read(&workers);
    pma_figure_put(figures, "threads", PMA_RESOURCE_THREAD, workers.running);
    pma_figure_put(figures, "unjoined", PMA_RESOURCE_OBJECT, workers.ended);
    pma_figure_put(figures, "intervals", PMA_RESOURCE_TIMER, workers.with_interval);
    pma_figure_put(figures, "overruns", PMA_RESOURCE_TOTAL, workers.overruns);
}

static void read_acceptor(void *arg, struct pma_figures *figures)
{
    const struct pma_app *app = arg;
    struct pma_acceptor_info info;
    pma_acceptor_info_read(app->acceptor, &info);
    pma_figure_put(figures, "pending", PMA_RESOURCE_FD, info.pending);
    pma_figure_put(figures, "accepted", PMA_RESOURCE_TOTAL, info.accepted);
    pma_figure_put(figures, "refused_full", PMA_RESOURCE_TOTAL, info.refused_full);
}

static void read_http(void *arg, struct pma_figures *figures)
{
    const struct pma_app *app = arg;
    struct pma_http_info info;
    pma_http_info_read(app->http, &info);
    pma_figure_put(figures, "connections", PMA_RESOURCE_FD, info.connections);
    pma_figure_put(figures, "active_requests", PMA_RESOURCE_OBJECT, info.active_requests);
    pma_figure_put(figures, "later_queued", PMA_RESOURCE_QUEUE, info.later_queued);
    pma_figure_put(figures, "later_running", PMA_RESOURCE_OBJECT, info.later_running);
    pma_figure_put(figures, "later_refused", PMA_RESOURCE_TOTAL, info.later_refused);
    pma_figure_put(figures, "requests", PMA_RESOURCE_TOTAL, info.requests);
    pma_figure_put(figures, "errors_5xx", PMA_RESOURCE_TOTAL, info.errors_5xx);
    struct pma_access_log_stats log;
    pma_access_log_stats_read(app->access_log, &log);
    pma_figure_put(figures, "log_raw_paths", PMA_RESOURCE_OBJECT, log.raw_paths);
    struct pma_gate_stats gate;
    pma_gate_stats_read(app->gate, &gate);
    pma_figure_put_kept(figures, "rate_limited_clients", gate.rate_clients,
                        app->config->security.rate_limiting.max_clients);
}

/* What the hub's statistics call a thing, and what it is here. */
static void read_hub(void *arg, struct pma_figures *figures)
{
    static const struct {
        const char *member, *name;
        enum pma_resource_kind kind;
    } rows[] = {
        {"connected_clients", "clients", PMA_RESOURCE_FD},
        {"subscription_count", "subscriptions", PMA_RESOURCE_OBJECT},
        {"subscription_records", "subscription_records", PMA_RESOURCE_OBJECT},
        {"topic_count", "topics", PMA_RESOURCE_OBJECT},
        {"inbox_messages", "inbox", PMA_RESOURCE_QUEUE},
        {"dropped", "dropped", PMA_RESOURCE_TOTAL},
        {"slow_closed", "slow_closed", PMA_RESOURCE_TOTAL},
        {"idle_closed", "idle_closed", PMA_RESOURCE_TOTAL},
        {"rejected", "rejected", PMA_RESOURCE_TOTAL},
        {"messages_sent", "messages_sent", PMA_RESOURCE_TOTAL},
    };
    const struct pma_app *app = arg;
    json_t *stats = pma_hub_stats_json(app->hub);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const json_int_t value =
            json_integer_value(json_object_get(stats, rows[i].member));
        pma_figure_put(figures, rows[i].name, rows[i].kind, (uint64_t)value);
    }
    const json_int_t offline =
        json_integer_value(json_object_get(stats, "offline_messages"));
    pma_figure_put_kept(figures, "offline_messages", (uint64_t)offline,
                        app->config->websocket.max_queue_messages);
    json_decref(stats);
}

static void read_entities(void *arg, struct pma_figures *figures)
{
    const struct pma_app *app = arg;
    const uint64_t most = app->config->entities.max_entities;
    struct pma_entities_stats stats;
    pma_entities_stats_read(app->entities, &stats);
    pma_figure_put_kept(figures, "registered", stats.entities, most);
    pma_figure_put_kept(figures, "states", stats.history_states,
                        most * app->config->entities.history_states);
    pma_figure_put(figures, "states_in_excess", PMA_RESOURCE_OBJECT,
                   stats.states_in_excess);
    pma_figure_put(figures, "rooms", PMA_RESOURCE_OBJECT, pma_rooms_count(app->rooms));
    struct pma_entity_store_stats kept;
    pma_entity_store_stats_read(app->entity_store, &kept);
    pma_figure_put(figures, "store_notes", PMA_RESOURCE_QUEUE, kept.waiting);
    pma_figure_put(figures, "store_errors", PMA_RESOURCE_TOTAL, kept.errors);
    pma_figure_put(figures, "store_written", PMA_RESOURCE_TOTAL, kept.written);
    pma_figure_put(figures, "store_states_missed", PMA_RESOURCE_TOTAL,
                   kept.states_missed);
    pma_figure_put(figures, "adopted", PMA_RESOURCE_TOTAL, kept.adopted);
    pma_figure_put(figures, "changes", PMA_RESOURCE_TOTAL, stats.changes);
    pma_figure_put(figures, "evicted", PMA_RESOURCE_TOTAL, stats.evicted);
    pma_figure_put(figures, "refused_full", PMA_RESOURCE_TOTAL, stats.refused_full);
    pma_figure_put(figures, "states_dropped", PMA_RESOURCE_TOTAL, stats.states_dropped);
    pma_figure_put(figures, "states_expired", PMA_RESOURCE_TOTAL, stats.states_expired);
}

static void read_auth(void *arg, struct pma_figures *figures)
{
    const struct pma_app *app = arg;
    struct pma_auth_status status;
    pma_auth_status_read(app->auth, &status);
    pma_figure_put_kept(figures, "sessions", status.sessions,
                        app->config->auth.max_sessions);
    pma_figure_put_kept(figures, "failing_clients", status.failing_clients,
                        app->config->auth.max_lockouts);
    pma_figure_put_kept(figures, "revocations", status.revocations,
                        PMA_AUTH_REVOCATIONS_MAX);
    pma_figure_put(figures, "lockouts", PMA_RESOURCE_TOTAL, status.lockouts);
    pma_figure_put(figures, "lockout_refused", PMA_RESOURCE_TOTAL,
                   status.lockout_refused);
    pma_figure_put(figures, "lockout_full", PMA_RESOURCE_TOTAL, status.lockout_full);
    pma_figure_put(figures, "hashing_busy", PMA_RESOURCE_TOTAL, status.busy);
}

static void read_memory(void *arg, struct pma_figures *figures)
{
    const struct pma_app *app = arg;
    struct pma_monitor_status status;
    pma_monitor_status_read(app->monitor, &status);
    const uint32_t history = app->config->memory_monitor.max_history_size;
    pma_figure_put_kept(figures, "history",
                        status.checks < history ? status.checks : history, history);
    pma_figure_put(figures, "stray_alerts", PMA_RESOURCE_OBJECT, pma_stray_alert_count());
    pma_figure_put(figures, "manager_waiters", PMA_RESOURCE_OBJECT,
                   pma_manager_waiters());
    pma_figure_put(figures, "posix_timers", PMA_RESOURCE_OBJECT, pma_timer_count());
}

static void read_events(void *arg, struct pma_figures *figures)
{
    const struct pma_app *app = arg;
    struct pma_event_stream_stats stats;
    pma_event_stream_stats_read(app->events, &stats);
    pma_figure_put(figures, "clients", PMA_RESOURCE_OBJECT, stats.clients);
    pma_figure_put(figures, "queue", PMA_RESOURCE_QUEUE, stats.queued_events);
    pma_figure_put(figures, "turn_timers", PMA_RESOURCE_TIMER, pma_turn_timer_count());
    pma_figure_put(figures, "dropped", PMA_RESOURCE_TOTAL, stats.dropped);
    pma_figure_put(figures, "refused", PMA_RESOURCE_TOTAL, stats.refused_clients);
}

/* Both fill up to a limit by design. */
static void read_pools(void *arg, struct pma_figures *figures)
{
    (void)arg;
    for (int id = PMA_POOL_NONE + 1; id < PMA_POOL_END; id++) {
        struct pma_pool_stats stats;
        pma_pool_stats_read((enum pma_pool_id)id, &stats);
        pma_figure_put_kept(figures, stats.name, stats.size,
                            stats.max_size > 0 ? stats.max_size : 1);
    }
}

static void read_metrics(void *arg, struct pma_figures *figures)
{
    (void)arg;
    pma_figure_put_kept(figures, "series", pma_metrics_series(),
                        (uint64_t)PMA_METRIC_SERIES_MAX * PMA_METRIC_END);
}

static void read_log(void *arg, struct pma_figures *figures)
{
    (void)arg;
    pma_figure_put(figures, "dropped", PMA_RESOURCE_TOTAL, pma_log_dropped());
}

int pma_census_add(struct pma_app *app)
{
    static const struct {
        const char *part;
        void (*read)(void *arg, struct pma_figures *figures);
    } rows[] = {
        {"workers", read_workers},   {"acceptor", read_acceptor}, {"http", read_http},
        {"websocket", read_hub},     {"auth", read_auth},         {"log", read_log},
        {"entities", read_entities}, {"memory", read_memory},     {"events", read_events},
        {"pools", read_pools},       {"metrics", read_metrics},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int err = pma_resource_add(rows[i].part, rows[i].read, app);
        if (err != 0) {
            pma_resource_forget(app);
            return err;
        }
    }
    return 0;
}
