/* Limits: what is allowed, how much of it is in use, and how often it was refused. Here
 * is where a client that gets 4xx and 503 can be understood.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/acceptor.h"
#include "server/auth/auth.h"
#include "server/config/config.h"
#include "server/rest/access_log.h"
#include "server/rest/app.h"
#include "server/rest/gate.h"
#include "server/rest/http_server.h"
#include "server/rest/routes.h"

static void set_count(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *limits_json(const struct pma_config *config)
{
    json_t *limits = json_object();
    set_count(limits, "max_head_bytes", config->acceptor.max_head_bytes);
    set_count(limits, "max_pending", config->acceptor.max_pending);
    set_count(limits, "max_pending_per_address",
              config->acceptor.max_pending_per_address);
    set_count(limits, "max_connections", config->http.max_connections);
    set_count(limits, "max_connections_per_address",
              config->http.max_connections_per_address);
    set_count(limits, "max_url_bytes", config->http.max_url_bytes);
    set_count(limits, "max_body_bytes", config->http.max_body_bytes);
    set_count(limits, "max_headers", config->http.max_headers);
    set_count(limits, "max_sessions", config->auth.max_sessions);
    set_count(limits, "max_users", config->auth.max_users);
    set_count(limits, "lockout_failures", config->auth.lockout_failures);
    if (config->security.rate_limiting.enabled) {
        set_count(limits, "requests_per_minute",
                  config->security.rate_limiting.requests_per_minute);
        set_count(limits, "burst_size", config->security.rate_limiting.burst_size);
    }
    json_object_set_new(limits, "head_timeout",
                        pma_json_duration(config->acceptor.head_timeout_ns));
    json_object_set_new(limits, "read_timeout",
                        pma_json_duration(config->http.read_timeout_ns));
    json_object_set_new(limits, "write_timeout",
                        pma_json_duration(config->http.write_timeout_ns));
    json_object_set_new(limits, "idle_timeout",
                        pma_json_duration(config->http.idle_timeout_ns));
    json_object_set_new(limits, "lockout_duration",
                        pma_json_duration(config->auth.lockout_duration_ns));
    return limits;
}

static void set_acceptor(const struct pma_app *app, json_t *now, json_t *refused)
{
    struct pma_acceptor_info info;
    pma_acceptor_info_read(app->acceptor, &info);
    set_count(now, "pending", info.pending);
    set_count(refused, "full", info.refused_full);
    set_count(refused, "head_too_long", info.head_too_long);
    set_count(refused, "head_timed_out", info.timed_out);
    set_count(refused, "not_http", info.not_http);
    set_count(refused, "pending_evicted", info.evicted);
    set_count(refused, "address", info.refused_address);
    set_count(refused, "accept_errors", info.accept_errors);
}

static void set_http(const struct pma_app *app, json_t *now, json_t *refused)
{
    struct pma_http_info info;
    pma_http_info_read(app->http, &info);
    set_count(now, "connections", info.connections);
    set_count(now, "addresses", info.addresses);
    set_count(now, "active_requests", info.active_requests);
    set_count(refused, "url_too_long", info.url_too_long);
    set_count(refused, "body_too_large", info.body_too_large);
    set_count(refused, "too_many_headers", info.too_many_headers);
    set_count(refused, "late_heads", info.late_heads);
    set_count(refused, "late_bodies", info.late_bodies);
    set_count(refused, "late_replies", info.late_replies);
    set_count(refused, "unanswered", info.unanswered);
}

static void set_access(const struct pma_app *app, json_t *now, json_t *refused)
{
    struct pma_gate_stats gate;
    struct pma_auth_status auth;
    pma_gate_stats_read(app->gate, &gate);
    pma_auth_status_read(app->auth, &auth);
    set_count(now, "rate_limited_clients", gate.rate_clients);
    set_count(now, "sessions", auth.sessions);
    set_count(now, "failing_clients", auth.failing_clients);
    set_count(now, "revocations", auth.revocations);
    set_count(refused, "rate_limited", gate.rate_limited);
    set_count(refused, "rate_overflowed", gate.rate_overflowed);
    set_count(refused, "unauthenticated", gate.unauthenticated);
    set_count(refused, "foreign_origins", gate.foreign_origins);
    set_count(refused, "locked_out", auth.lockout_refused);
    set_count(refused, "lockout_table_full", auth.lockout_full);
    set_count(refused, "hashing_busy", auth.busy);
    set_count(refused, "sessions_evicted", auth.sessions_evicted);
}

void pma_handle_limits(struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_app *app = request->app;
    json_t *now = json_object();
    json_t *refused = json_object();
    set_acceptor(app, now, refused);
    set_http(app, now, refused);
    set_access(app, now, refused);
    pma_reply_data(reply, json_pack("{s:o, s:o, s:o}", "limits", limits_json(app->config),
                                    "now", now, "refused", refused));
}
