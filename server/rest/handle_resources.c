/* The truth about resources, for clients on the same machine only.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/acceptor.h"
#include "server/arena/arena.h"
#include "server/auth/auth.h"
#include "server/base/child_count.h"
#include "server/fault/fault.h"
#include "server/fault/resources.h"
#include "server/hub/hub.h"
#include "server/log/log.h"
#include "server/monitor/memory_sample.h"
#include "server/rest/app.h"
#include "server/rest/http_server.h"
#include "server/rest/routes.h"
#include "server/worker/worker.h"

#include <stdlib.h>

#define ARENAS_MAX 32

static void set_count(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *leaked_json(void)
{
    size_t count = 0;
    const struct pma_fault_row *rows = pma_fault_rows(&count);
    json_t *leaked = json_object();
    for (size_t i = 0; i < count; i++) {
        set_count(leaked, rows[i].id, pma_fault_total(rows[i].fault));
    }
    return leaked;
}

/* Bytes alone (as clients know it), and blocks and bytes, per subsystem. */
static void set_heap(json_t *data)
{
    struct pma_arena_info infos[ARENAS_MAX];
    const size_t count = pma_arena_list(infos, ARENAS_MAX);
    json_t *bytes = json_object();
    json_t *subsystems = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *subsystem = json_object();
        set_count(subsystem, "bytes", infos[i].allocated_bytes);
        set_count(subsystem, "blocks", infos[i].blocks);
        set_count(subsystem, "cached_bytes", infos[i].cached_bytes);
        json_object_set_new(subsystems, infos[i].subsystem, subsystem);
        set_count(bytes, infos[i].subsystem, infos[i].allocated_bytes);
    }
    json_object_set_new(data, "subsystem_bytes", bytes);
    json_object_set_new(data, "subsystems", subsystems);
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

/* counters come back when the load ends, kept ones fill to their limit, totals grow. */
static void set_figures(json_t *data, const struct pma_figure *figures, size_t count)
{
    json_t *counters = json_object();
    json_t *kept = json_object();
    json_t *totals = json_object();
    json_t *kinds = json_object();
    for (size_t i = 0; i < count; i++) {
        const struct pma_figure *figure = &figures[i];
        json_object_set_new(kinds, figure->name,
                            json_string(pma_resource_kind_name(figure->kind)));
        if (figure->kind == PMA_RESOURCE_TOTAL) {
            set_count(totals, figure->name, figure->value);
        } else if (figure->limit > 0) {
            json_object_set_new(kept, figure->name,
                                json_pack("{s:I, s:I}", "value",
                                          (json_int_t)figure->value, "limit",
                                          (json_int_t)figure->limit));
        } else {
            set_count(counters, figure->name, figure->value);
        }
    }
    json_object_set_new(data, "counters", counters);
    json_object_set_new(data, "kept", kept);
    json_object_set_new(data, "totals", totals);
    json_object_set_new(data, "kinds", kinds);
}

/* The most asked figures under short names, and details of the first parts. */
static void set_parts(json_t *data, const struct pma_app *app)
{
    static const struct {
        const char *name, *member;
    } rows[] = {
        {"clients", "connected_clients"},
        {"topics", "topic_count"},
        {"subscriptions", "subscription_count"},
    };
    struct pma_auth_status auth;
    pma_auth_status_read(app->auth, &auth);
    json_t *hub = pma_hub_stats_json(app->hub);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const json_t *value = json_object_get(hub, rows[i].member);
        set_count(data, rows[i].name, (uint64_t)json_integer_value(value));
    }
    set_count(data, "sessions", auth.sessions);
    json_object_set_new(data, "acceptor", acceptor_json(app));
    json_object_set_new(data, "http", http_json(app));
    json_object_set_new(data, "websocket", hub);
}

void pma_handle_debug_resources(struct pma_request *request, struct pma_reply *reply)
{
    uint64_t lost = 0;
    struct pma_figure *figures = malloc(PMA_FIGURES_MAX * sizeof *figures);
    json_t *data = json_object();
    if (figures == NULL || data == NULL) {
        free(figures);
        json_decref(data);
        pma_reply_error(reply, request, 503, "No memory for the figures; ask again");
        return;
    }
    const size_t count = pma_resource_read(figures, PMA_FIGURES_MAX, &lost);
    set_count(data, "threads", pma_thread_count());
    set_count(data, "fds", pma_fd_count());
    set_count(data, "children", pma_child_count());
    set_count(data, "workers", pma_worker_count());
    set_count(data, "timers", pma_figure_sum(figures, count, PMA_RESOURCE_TIMER));
    set_count(data, "queue_items", pma_figure_sum(figures, count, PMA_RESOURCE_QUEUE));
    set_count(data, "log_dropped", pma_log_dropped());
    set_count(data, "figures_lost", lost);
    set_figures(data, figures, count);
    json_object_set_new(data, "leaked", leaked_json());
    set_heap(data);
    set_parts(data, request->app);
    free(figures);
    pma_reply_data(reply, data);
}
