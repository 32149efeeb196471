/* The translation of settings, which the parts themselves do not know.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/access.h"

#include "seep/seep.h"
#include "server/auth/auth.h"
#include "server/config/config.h"
#include "server/rest/access_log.h"
#include "server/rest/app.h"
#include "server/rest/gate.h"

static int start_auth(struct pma_app *app)
{
    const struct pma_config *config = app->config;
    const struct pma_auth_config settings = {
        .cleanup_interval_ns = config->auth.cleanup_interval_ns,
        .token_expiry_ns = config->auth.token_expiry_ns,
        .max_sessions = config->auth.max_sessions,
        .max_users = config->auth.max_users,
        .lockout = {.failures = config->auth.lockout_failures,
                    .duration_ns = config->auth.lockout_duration_ns,
                    .max_entries = config->auth.max_lockouts},
        .hash_cost = config->auth.hash_cost,
        .max_hashing = config->auth.max_hashing,
        .jwt_secret = config->auth.jwt_secret,
        .api_secret = config->auth.api_secret,
        .store = app->store,
        .accept_any_bearer = config->auth.accept_any_bearer,
    };
    const int err = pma_auth_new(&settings, &app->auth);
    return err != 0 ? err : pma_auth_start(app->auth);
}

static int make_gate(struct pma_app *app)
{
    const struct pma_config *config = app->config;
    const struct pma_gate_config settings = {
        .auth = app->auth,
        .auth_enabled = config->auth.enabled,
        .loopback_bypass = config->auth.allow_localhost_bypass,
        .proxies = config->auth.trusted_proxies,
        .is_rate_limited = config->security.rate_limiting.enabled,
        .rate_limit = {.requests_per_minute =
                           config->security.rate_limiting.requests_per_minute,
                       .burst_size = config->security.rate_limiting.burst_size,
                       .max_clients = config->security.rate_limiting.max_clients},
    };
    return pma_gate_new(&settings, &app->gate);
}

static int make_log(struct pma_app *app)
{
    const struct pma_access_log_config settings = {
        .batch_requests = app->config->logging.access_batch,
        .batch_ns = app->config->logging.access_batch_age_ns,
    };
    SEEP_SUBSYSTEM("http");
    return pma_access_log_new(&settings, &app->access_log);
}

int pma_access_start(struct pma_app *app)
{
    SEEP_SUBSYSTEM("auth");
    int err = start_auth(app);
    if (err == 0) {
        err = make_gate(app);
    }
    return err != 0 ? err : make_log(app);
}

void pma_access_sweep(void *app)
{
    const struct pma_app *parts = app;
    pma_auth_sweep(parts->auth);
    pma_gate_sweep(parts->gate);
}

void pma_access_free(struct pma_app *app)
{
    pma_access_log_free(app->access_log);
    pma_gate_free(app->gate);
    pma_auth_free(app->auth);
}
