/* Faults and the truth about resources; for clients on the same machine only.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/acceptor.h"
#include "server/arena/arena.h"
#include "server/auth/auth.h"
#include "server/fault/fault_driver.h"
#include "server/hub/hub.h"
#include "server/log/log.h"
#include "server/monitor/memory_sample.h"
#include "server/rest/app.h"
#include "server/rest/http_server.h"
#include "server/rest/routes.h"
#include "server/worker/worker.h"

#include <string.h>

#define ARENAS_MAX 32

static json_t *fault_json(const struct pma_fault_row *row)
{
    struct pma_fault_setting setting = {0};
    pma_fault_get(row->fault, &setting);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:f, s:I, s:I}", "id", row->id,
                     "name", row->name, "subsystem", row->subsystem, "kind", row->kind,
                     "what", row->what, "enabled", (int)setting.enabled, "rate",
                     setting.rate_per_s, "limit", (json_int_t)setting.limit,
                     "occurrences", (json_int_t)pma_fault_total(row->fault));
}

void pma_handle_debug_faults(struct pma_request *request, struct pma_reply *reply)
{
    (void)request;
    size_t count = 0;
    const struct pma_fault_row *rows = pma_fault_rows(&count);
    json_t *faults = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(faults, fault_json(&rows[i]));
    }
    pma_reply_data(reply,
                   json_pack("{s:o, s:I}", "faults", faults, "count", (json_int_t)count));
}

/* Reads {enabled, rate, limit} over *setting; what is not given stays. Returns: NULL, or
 * what is wrong. */
static const char *read_setting(json_t *body, struct pma_fault_setting *setting)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(body, key, value)
    {
        if (strcmp(key, "enabled") == 0) {
            if (!json_is_boolean(value)) {
                return "enabled must be true or false";
            }
            setting->enabled = json_is_true(value);
        } else if (strcmp(key, "rate") == 0) {
            if (!json_is_number(value)) {
                return "rate must be a number (events per second)";
            }
            setting->rate_per_s = json_number_value(value);
        } else if (strcmp(key, "limit") == 0) {
            if (!json_is_integer(value) || json_integer_value(value) < 0) {
                return "limit must be a whole number from 0 (none)";
            }
            setting->limit = (uint64_t)json_integer_value(value);
        } else {
            return "a fault has enabled, rate and limit, nothing else";
        }
    }
    return NULL;
}

void pma_handle_debug_fault_set(struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_fault_row *row = pma_fault_find(request->param);
    if (row == NULL) {
        pma_reply_error(
            reply, request, 404,
            "There is no fault \"%.40s\"; GET /api/v1/debug/faults lists them",
            request->param);
        return;
    }
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    struct pma_fault_setting setting = {0};
    pma_fault_get(row->fault, &setting);
    const char *wrong = read_setting(body, &setting);
    json_decref(body);
    if (wrong != NULL) {
        pma_reply_error(reply, request, 400, "%s", wrong);
    } else if (pma_fault_set(row->fault, &setting) != 0) {
        pma_reply_error(reply, request, 400, "rate must be from 0 to 10000 per second");
    } else {
        pma_log(PMA_LOG_WARN, "Fault switched", pma_str("fault", row->id),
                pma_bool("enabled", setting.enabled), pma_f64("rate", setting.rate_per_s),
                pma_u64("limit", setting.limit));
        pma_fault_driver_wake(request->app->fault_driver);
        pma_reply_data(reply, fault_json(row));
    }
}

static json_t *leaked_json(void)
{
    size_t count = 0;
    const struct pma_fault_row *rows = pma_fault_rows(&count);
    json_t *leaked = json_object();
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(leaked, rows[i].id,
                            json_integer((json_int_t)pma_fault_total(rows[i].fault)));
    }
    return leaked;
}

static json_t *arenas_json(void)
{
    struct pma_arena_info infos[ARENAS_MAX];
    const size_t count = pma_arena_list(infos, ARENAS_MAX);
    json_t *arenas = json_object();
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(arenas, infos[i].subsystem,
                            json_integer((json_int_t)infos[i].allocated_bytes));
    }
    return arenas;
}

static json_t *acceptor_json(const struct pma_app *app)
{
    struct pma_acceptor_info info;
    pma_acceptor_info_read(app->acceptor, &info);
    return json_pack(
        "{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "pending",
        (int)info.pending, "accepted", (json_int_t)info.accepted, "to_http",
        (json_int_t)info.to_http, "to_hub", (json_int_t)info.to_hub, "refused_full",
        (json_int_t)info.refused_full, "timed_out", (json_int_t)info.timed_out,
        "head_too_long", (json_int_t)info.head_too_long, "not_http",
        (json_int_t)info.not_http, "evicted", (json_int_t)info.evicted, "closed_early",
        (json_int_t)info.closed_early, "accept_errors", (json_int_t)info.accept_errors);
}

static json_t *http_json(const struct pma_app *app)
{
    struct pma_http_info info;
    pma_http_info_read(app->http, &info);
    return json_pack("{s:i, s:i, s:I, s:I, s:I}", "connections", (int)info.connections,
                     "active_requests", (int)info.active_requests, "requests",
                     (json_int_t)info.requests, "errors_4xx", (json_int_t)info.errors_4xx,
                     "errors_5xx", (json_int_t)info.errors_5xx);
}

/* A member of the hub's statistics as a number, 0 when it is not there. */
static json_int_t hub_number(const json_t *hub, const char *name)
{
    return json_integer_value(json_object_get(hub, name));
}

void pma_handle_debug_resources(struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_app *app = request->app;
    struct pma_auth_status auth;
    pma_auth_status_read(app->auth, &auth);
    json_t *hub = pma_hub_stats_json(app->hub);
    pma_reply_data(
        reply,
        json_pack(
            "{s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:o, s:o, s:o, s:o, s:o}",
            "threads", (int)pma_thread_count(), "fds", (int)pma_fd_count(), "workers",
            (json_int_t)pma_worker_count(), "clients",
            hub_number(hub, "connected_clients"), "topics",
            hub_number(hub, "topic_count"), "subscriptions",
            hub_number(hub, "subscription_count"), "queue_items",
            hub_number(hub, "inbox_messages") + hub_number(hub, "offline_messages"),
            "sessions", (int)auth.sessions, "log_dropped", (json_int_t)pma_log_dropped(),
            "leaked", leaked_json(), "subsystem_bytes", arenas_json(), "acceptor",
            acceptor_json(app), "http", http_json(app), "websocket", hub));
}
