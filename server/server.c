/* Order of start and stop.
 *
 * Stopping goes against the stream of work: no new connections, then the requests that
 * run, then what works in the background, then the clients' hub, and the monitor last, so
 * that no part calls one that is gone. (The first implementation stopped its hub before
 * HTTP: handlers that were broadcasting blocked for ever.) Each part has its own time; a
 * watch ends the process when the whole takes too long, because whoever sends SIGTERM
 * sends SIGKILL two seconds later, and a named culprit in the log is worth more than
 * that.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/server.h"

#include "seep/seep.h"
#include "server/acceptor.h"
#include "server/ai/ai_service.h"
#include "server/ai_wiring.h"
#include "server/auth/auth.h"
#include "server/automation/automation.h"
#include "server/automation_wiring.h"
#include "server/base/clock.h"
#include "server/census.h"
#include "server/entity/entity_store.h"
#include "server/entity/house.h"
#include "server/event_wiring.h"
#include "server/fault/fault_driver.h"
#include "server/fault/resources.h"
#include "server/fault/wrong_order.h"
#include "server/fault_wiring.h"
#include "server/hub/hub.h"
#include "server/hub/hub_relay.h"
#include "server/log/log.h"
#include "server/mcp/mcp_service.h"
#include "server/mcp_wiring.h"
#include "server/memory_parts.h"
#include "server/monitor/monitor.h"
#include "server/monitor/reclaim.h"
#include "server/pool/pool.h"
#include "server/rest/access.h"
#include "server/rest/app.h"
#include "server/rest/debug_server.h"
#include "server/rest/gate.h"
#include "server/rest/http_block.h"
#include "server/rest/http_server.h"
#include "server/rest/routes.h"
#include "server/sse/event_stream.h"
#include "server/store/cache.h"
#include "server/store/storage.h"
#include "server/store/store.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_OVERDUE 4

/* Shares of the whole shutdown that one part may take, in percent. */
#define SHARE_CALLS  10
#define SHARE_GRACE  10 /* for what asks a language model, within the drain */
#define SHARE_DRAIN  30
#define SHARE_HUB    30
#define SHARE_WORKER 15

struct pma_server {
    struct pma_app app;
    struct pma_house house;
    struct pma_storage storage;
    struct pma_worker *watch;
    struct pma_debug_server *debug; /* NULL: none */
    uint64_t shutdown_timeout_ns;
    char why[400]; /* of a part that failed to start and can say more than its errno */
    _Atomic(const char *)
        stopping; /* written by stop, read by the watch: what is stopped */
};

static void sweep_hub(void *arg)
{
    pma_hub_sweep(arg);
}

static void sweep_mcp(void *arg)
{
    pma_mcp_sweep(arg);
}

static void sweep_pools(void *arg)
{
    (void)arg;
    pma_pools_trim();
}

static int to_http(void *arg, int fd, const struct sockaddr *peer, socklen_t peer_bytes)
{
    const struct pma_server *server = arg;
    return pma_http_adopt(server->app.http, fd, peer, peer_bytes);
}

static int to_hub(void *arg, int fd, const struct sockaddr *peer, socklen_t peer_bytes)
{
    const struct pma_server *server = arg;
    return pma_hub_adopt(server->app.hub, fd, peer, peer_bytes);
}

static bool is_http_full(void *arg)
{
    const struct pma_server *server = arg;
    return pma_http_is_full(server->app.http);
}

static bool is_unlimited(void *arg, const struct sockaddr *peer)
{
    const struct pma_server *server = arg;
    return pma_gate_is_unlimited(server->app.gate, peer);
}

static bool is_http_full_for(void *arg, const struct sockaddr *peer)
{
    const struct pma_server *server = arg;
    return pma_http_refuse(server->app.http, peer);
}

static bool is_hub_full(void *arg)
{
    const struct pma_server *server = arg;
    return pma_hub_is_full(server->app.hub);
}

static void note_hub_rejected(void *arg)
{
    const struct pma_server *server = arg;
    pma_hub_note_rejected(server->app.hub);
}

static int make_acceptor(struct pma_server *server)
{
    const struct pma_config *config = server->app.config;
    const struct pma_acceptor_config settings = {
        .host = config->server.host,
        .port = (uint16_t)config->server.port,
        .max_head_bytes = config->acceptor.max_head_bytes,
        .head_timeout_ns = config->acceptor.head_timeout_ns,
        .max_pending = config->acceptor.max_pending,
        .max_pending_per_address = config->acceptor.max_pending_per_address,
    };
    const struct pma_acceptor_hooks hooks = {
        .to_http = to_http,
        .to_hub = to_hub,
        .is_http_full = is_http_full,
        .is_hub_full = is_hub_full,
        .note_hub_rejected = note_hub_rejected,
        .is_unlimited = is_unlimited,
        .is_http_full_for = is_http_full_for,
        .arg = server,
    };
    return pma_acceptor_new(&settings, &hooks, &server->app.acceptor);
}

static int start_storage(struct pma_server *server)
{
    struct pma_storage *storage = &server->storage;
    const int err =
        pma_storage_start(server->app.config, storage, server->why, sizeof server->why);
    server->app.storage = storage;
    server->app.store = storage->store;
    server->app.cache = storage->cache;
    return err;
}

/* Whose session a client's token is. There is one user. */
static int authenticate_client(void *arg, const char *token,
                               char user_id[PMA_USER_ID_BYTES])
{
    const struct pma_server *server = arg;
    struct pma_user user;
    const int err = pma_auth_verify_token(server->app.auth, token, &user, NULL);
    if (err == 0) {
        snprintf(user_id, PMA_USER_ID_BYTES, "%s", user.id);
    }
    return err;
}

static int start_access(struct pma_server *server)
{
    return pma_access_start(&server->app);
}

/* When all that listens to other backends is there. */
static int start_backplane(struct pma_server *server)
{
    return pma_storage_start_backplane(&server->storage);
}

static int start_hub(struct pma_server *server)
{
    const struct pma_config *config = server->app.config;
    const struct pma_hub_config settings = {
        .max_clients = config->websocket.max_clients,
        .send_queue_messages = config->websocket.send_queue_messages,
        .max_queue_messages = config->websocket.max_queue_messages,
        .client_timeout_ns = config->websocket.client_timeout_ns,
        .cleanup_interval_ns = config->websocket.cleanup_interval_ns,
        .ping_interval_ns = config->websocket.ping_interval_ns,
        .pong_timeout_ns = config->websocket.pong_timeout_ns,
        .heartbeat_interval_ns = config->websocket.heartbeat_interval_ns,
        .max_message_bytes = config->websocket.max_message_bytes,
        .is_preallocated = config->websocket.preallocate_buffers,
        .authenticate = authenticate_client,
        .authenticate_arg = server,
    };
    SEEP_SUBSYSTEM("websocket");
    int err = pma_hub_new(&settings, &server->app.hub);
    if (err == 0) {
        const struct pma_hub_observer observer = {.observe = pma_event_observe,
                                                  .arg = server->app.events};
        pma_hub_set_observer(server->app.hub, &observer);
    }
    if (err == 0 && server->storage.backplane != NULL) {
        err = pma_hub_relay_attach(server->app.hub, server->storage.backplane);
    }
    return err != 0 ? err : pma_hub_start(server->app.hub);
}

static int start_events(struct pma_server *server)
{
    return pma_event_wire(&server->app);
}

static int start_house(struct pma_server *server)
{
    struct pma_app *app = &server->app;
    const struct pma_entity_hooks hooks = {.publish = pma_automation_publish, .arg = app};
    const struct pma_entity_places places = {
        .store = app->store, .cache = app->cache, .backplane = server->storage.backplane};
    const int err = pma_house_new(app->config, &hooks, &places, &server->house);
    /* Before anything starts: an event may set off what looks for them. */
    app->entities = server->house.entities;
    app->rooms = server->house.rooms;
    app->sync = server->house.sync;
    app->simulated = server->house.simulated;
    app->entity_store = server->house.kept;
    return err != 0 ? err : pma_house_start(&server->house);
}

/* Before the entities, whose events set them off. */
static int start_automations(struct pma_server *server)
{
    return pma_automation_wire(&server->app);
}

static int start_mcp(struct pma_server *server)
{
    return pma_mcp_wire(&server->app);
}

static int start_ai(struct pma_server *server)
{
    return pma_ai_wire(&server->app, server->why, sizeof server->why);
}

/* Whoever collects memory, and the parts that make it do so. */
static int start_monitor(struct pma_server *server)
{
    SEEP_SUBSYSTEM("monitor");
    const int err = pma_reclaim_new(
        server->app.config->memory_monitor.max_memory_usage_bytes, &server->app.reclaim);
    if (err != 0) {
        return err;
    }
    pma_reclaim_add(server->app.reclaim, "websocket", sweep_hub, server->app.hub);
    pma_reclaim_add(server->app.reclaim, "auth", pma_access_sweep, &server->app);
    pma_reclaim_add(server->app.reclaim, "entity", pma_house_sweep, &server->house);
    pma_reclaim_add(server->app.reclaim, "ai", sweep_mcp, server->app.mcp);
    pma_reclaim_add(server->app.reclaim, "ai", pma_ai_wiring_sweep, &server->app);
    pma_reclaim_add(server->app.reclaim, "http", sweep_pools, NULL);
    pma_reclaim_add(server->app.reclaim, "store", pma_storage_sweep, &server->storage);
    return pma_memory_parts_start(&server->app);
}

static int start_faults(struct pma_server *server)
{
    return pma_fault_wire(&server->app);
}

/* What all parts use: pools and metrics. */
static int start_common(struct pma_server *server)
{
    pma_memory_parts_size(server->app.config);
    return 0;
}

/* A port that another program has is no reason not to serve the others. */
static int start_debug(struct pma_server *server)
{
    const uint16_t port = (uint16_t)server->app.config->debug.port;
    const int err =
        port != 0 ? pma_debug_server_start(port, &server->app, &server->debug) : 0;
    if (err == -EADDRINUSE || err == -EACCES) {
        pma_log(PMA_LOG_WARN, "The debug port is not served", pma_u64("port", port),
                pma_str("error", strerrordesc_np(-err)),
                pma_str("advice", "choose another by debug.port, or 0 for none"));
        return 0;
    }
    return err;
}

/* After every other part, before the first request can ask. */
static int start_census(struct pma_server *server)
{
    return pma_census_add(&server->app);
}

static int start_http(struct pma_server *server)
{
    const struct pma_config *config = server->app.config;
    struct pma_http_config settings = {
        .threads = config->http.threads,
        .max_connections = config->http.max_connections,
        .max_head_bytes = config->acceptor.max_head_bytes,
        .max_url_bytes = config->http.max_url_bytes,
        .max_body_bytes = config->http.max_body_bytes,
        .idle_timeout_ns = config->http.idle_timeout_ns,
        .read_timeout_ns = config->http.read_timeout_ns,
        .max_headers = config->http.max_headers,
        .gate = server->app.gate,
        .later_threads = config->http.later_threads,
        .later_queue = config->http.later_queue,
        .access_log = server->app.access_log,
        .max_per_address = config->http.max_connections_per_address,
        .head_timeout_ns = config->acceptor.head_timeout_ns,
        .write_timeout_ns = config->http.write_timeout_ns,
        .is_guarded = true,
        .app = &server->app,
    };
    settings.routes = pma_routes(&settings.routes_count);
    return pma_http_start(&settings, &server->app.http);
}

static void run_watch(void *arg, struct pma_cancel *cancel)
{
    struct pma_server *server = arg;
    if (pma_cancel_wait(cancel, server->shutdown_timeout_ns)) {
        return;
    }
    pma_log(
        PMA_LOG_ERROR, "Shutdown took too long; the process ends now",
        pma_str("part", atomic_load_explicit(&server->stopping, memory_order_acquire)),
        pma_u64("timeout_ms", server->shutdown_timeout_ns / PMA_MS_NS));
    _exit(EXIT_OVERDUE);
}

static void enter_stage(struct pma_server *server, const char *part)
{
    /* Release: pairs with the acquire of run_watch. */
    atomic_store_explicit(&server->stopping, part, memory_order_release);
    pma_log(PMA_LOG_DEBUG, "Stopping", pma_str("part", part));
}

static void stop_hub(struct pma_server *server)
{
    enter_stage(server, "hub");
    if (server->app.hub != NULL) {
        pma_hub_stop(server->app.hub,
                     pma_now_ns() + server->shutdown_timeout_ns * SHARE_HUB / 100);
    }
}

/* Returns: 0; -EBUSY: a handler does not return. */
static int stop_http(struct pma_server *server)
{
    struct pma_app *app = &server->app;
    const uint64_t whole_ns = server->shutdown_timeout_ns;
    enter_stage(server, "http");
    pma_http_unblock();
    if (app->ai != NULL) {
        pma_ai_shut(app->ai, whole_ns * SHARE_GRACE / 100);
    }
    if (pma_http_stop(app->http, whole_ns * SHARE_DRAIN / 100) == -EBUSY) {
        return -EBUSY;
    }
    app->http = NULL;
    pma_resource_forget(app); /* nobody asks any more */
    pma_resource_forget(app->ai);
    return 0;
}

/* When nothing runs any more. */
static void free_parts(struct pma_server *server)
{
    struct pma_app *app = &server->app;
    pma_ai_free(app->ai);
    pma_mcp_free(app->mcp);
    pma_house_free(&server->house);
    pma_automations_free(app->automations);
    pma_hub_free(app->hub);
    pma_access_free(app);
    pma_reclaim_free(app->reclaim);
    pma_acceptor_free(app->acceptor);
    pma_storage_free(&server->storage);
    pma_event_stream_free(app->events);
    pma_memory_parts_free(app);
}

/* Stops what runs, frees what is stopped; parts that were never started are NULL. */
static int stop_parts(struct pma_server *server)
{
    struct pma_app *app = &server->app;
    const uint64_t whole_ns = server->shutdown_timeout_ns;
    int left = 0;
    enter_stage(server, "acceptor");
    if (app->acceptor != NULL) {
        left |= pma_acceptor_stop(app->acceptor, whole_ns * SHARE_WORKER / 100);
    }
    left |= pma_debug_server_stop(server->debug, whole_ns * SHARE_WORKER / 100);
    enter_stage(server, "tool calls");
    if (app->mcp != NULL) {
        pma_mcp_close(app->mcp, whole_ns * SHARE_CALLS / 100);
    }
    if (pma_wrong_order_begin()) {
        stop_hub(server);
    }
    if (app->events != NULL) { /* its clients are requests that never end by themselves */
        left |= pma_event_stream_stop(app->events, whole_ns * SHARE_WORKER / 100);
    }
    if (stop_http(server) != 0) {
        return -ETIMEDOUT; /* a handler still uses any part */
    }
    enter_stage(server, "faults");
    left |= pma_fault_driver_stop(app->fault_driver, whole_ns * SHARE_WORKER / 100);
    enter_stage(server, "sources");
    left |= pma_house_stop(&server->house, whole_ns * SHARE_WORKER / 100);
    enter_stage(server, "workers");
    if (app->auth != NULL) {
        left |= pma_auth_stop(app->auth, whole_ns * SHARE_WORKER / 100);
    }
    if (app->automations != NULL) {
        left |= pma_automations_stop(app->automations, whole_ns * SHARE_WORKER / 100);
    }
    if (app->mcp != NULL) {
        left |= pma_mcp_stop(app->mcp, whole_ns * SHARE_WORKER / 100);
    }
    enter_stage(server, "ai");
    left |= pma_ai_stop(app->ai, whole_ns * SHARE_WORKER / 100);
    stop_hub(server);
    enter_stage(server, "store");
    /* Automations and tools have changed entities until they were stopped. */
    left |= pma_house_stop_writing(&server->house, whole_ns * SHARE_WORKER / 100);
    left |= pma_storage_stop(&server->storage, whole_ns * SHARE_WORKER / 100);
    enter_stage(server, "monitor");
    left |= pma_memory_parts_stop(app, whole_ns * SHARE_WORKER / 100);
    if (left != 0) {
        return -ETIMEDOUT; /* a thread may still use any part: leave them all */
    }
    free_parts(server);
    return 0;
}

int pma_server_start(const struct pma_config *config, struct pma_server **server,
                     char *why, size_t why_bytes)
{
    static const struct {
        const char *part;
        int (*start)(struct pma_server *server);
    } steps[] = {
        {"the pools", start_common},
        {"the store", start_storage},
        {"authentication", start_access},
        {"the event stream", start_events},
        {"the WebSocket hub", start_hub},
        {"the automations", start_automations},
        {"the entities", start_house},
        {"the backplane", start_backplane},
        {"the tools", start_mcp},
        {"the AI service", start_ai},
        {"the memory monitor", start_monitor},
        {"the faults", start_faults},
        {"HTTP", start_http},
        {"the census", start_census},
        {"the debug port", start_debug},
    };
    struct pma_server *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        snprintf(why, why_bytes, "out of memory");
        return -ENOMEM;
    }
    fresh->app.config = config;
    fresh->app.started_at_ns = pma_now_ns();
    fresh->shutdown_timeout_ns = config->server.shutdown_timeout_ns;
    int err = make_acceptor(fresh);
    if (err != 0) {
        snprintf(why, why_bytes, "cannot listen on %s:%u: %s", config->server.host,
                 config->server.port, strerrordesc_np(-err));
        goto fail;
    }
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        err = steps[i].start(fresh);
        if (err != 0) {
            snprintf(why, why_bytes, "cannot start %s: %s", steps[i].part,
                     fresh->why[0] != '\0' ? fresh->why : strerrordesc_np(-err));
            goto fail;
        }
    }
    err = pma_acceptor_start(fresh->app.acceptor);
    if (err != 0) {
        snprintf(why, why_bytes, "cannot start the acceptor: %s", strerrordesc_np(-err));
        goto fail;
    }
    *server = fresh;
    return 0;

fail:
    if (stop_parts(fresh) == 0) {
        free(fresh);
    }
    return err;
}

uint16_t pma_server_port(const struct pma_server *server)
{
    return pma_acceptor_port(server->app.acceptor);
}

int pma_server_stop(struct pma_server *server)
{
    const struct pma_worker_spec watch = {
        .name = "shutdown-watch", .subsystem = "worker", .run = run_watch, .arg = server};
    const int watched = pma_worker_start(&watch, &server->watch);
    if (watched != 0) {
        pma_log(PMA_LOG_WARN, "The shutdown runs without a watch",
                pma_str("error", strerrordesc_np(-watched)));
    }
    const int err = stop_parts(server);
    pma_worker_stop(server->watch, UINT64_MAX);
    if (err == 0) {
        free(server);
    }
    return err;
}
