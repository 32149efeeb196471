/* The order matters: a page of somebody else's is turned away first, because it acts with
 * the rights of the user at whose machine it runs; then the rate limit, which has to hold
 * for guesses of tokens too; then the proof.
 *
 * "This machine" is a right (no proof, no limit, the debug endpoints), so three ways to
 * look like it are closed. X-Forwarded-For counts only from configured proxies. A request
 * from loopback that says it was forwarded, by a proxy that is not configured, is
 * somebody else's: so a forgotten setting costs its owner the bypass, and does not give
 * it to everybody. And a Host that is a name with a dot is a page that resolved its own
 * name to 127.0.0.1 (DNS rebinding): its requests have no foreign Origin to be told by.
 *
 * Public paths are a short list of whole paths and one prefix; what is not in it needs a
 * proof, including paths that do not exist. A browser's preflight carries no proof by
 * design, and gets its answer before.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/gate.h"

#include "seep/seep.h"
#include "server/auth/auth.h"
#include "server/auth/authorization.h"
#include "server/auth/forwarded.h"
#include "server/base/clock.h"
#include "server/rest/cors.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FORWARDED_BYTES 1024

struct pma_gate {
    struct pma_gate_config config;
    struct pma_networks proxies;
    pthread_mutex_t lock; /* PMA_LOCK_GATE: everything below */
    struct pma_rate_limit rate_limit;
    struct pma_gate_stats stats;
};

int pma_gate_new(const struct pma_gate_config *config, struct pma_gate **gate)
{
    struct pma_gate *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    const int err = pma_networks_parse(config->proxies, &fresh->proxies);
    if (err != 0) {
        free(fresh);
        return err;
    }
    fresh->config = *config;
    fresh->config.proxies = NULL;
    pma_rate_limit_init(&fresh->rate_limit, &config->rate_limit);
    pthread_mutex_init(&fresh->lock, NULL);
    *gate = fresh;
    return 0;
}

void pma_gate_free(struct pma_gate *gate)
{
    if (gate == NULL) {
        return;
    }
    pthread_mutex_destroy(&gate->lock);
    pma_rate_limit_fini(&gate->rate_limit);
    free(gate);
}

static void count(struct pma_gate *gate, uint64_t *counter)
{
    pthread_mutex_lock(&gate->lock);
    (*counter)++;
    pthread_mutex_unlock(&gate->lock);
}

/* Whether the Host header is a name that somebody can register: with a dot, and no
 * address. */
static bool is_registrable(const char *host)
{
    struct pma_address address;
    const size_t length = strcspn(host, ":");
    return host[0] != '[' && memchr(host, '.', length) != NULL &&
           pma_address_parse(host, length, &address) != 0;
}

static bool says_forwarded(const struct pma_request *request)
{
    return request->header(request, "X-Forwarded-For") != NULL ||
           request->header(request, "Forwarded") != NULL ||
           request->header(request, "X-Real-IP") != NULL;
}

void pma_gate_identify(const struct pma_gate *gate, struct pma_request *request)
{
    static const struct pma_address nobody = {{0}};
    char forwarded[FORWARDED_BYTES];
    const struct pma_address peer = request->address;
    const bool by_proxy = pma_networks_contain(&gate->proxies, &peer);
    if (by_proxy) {
        const int err =
            request->headers(request, "X-Forwarded-For", forwarded, sizeof forwarded);
        request->address =
            err == 0 ? pma_forwarded_client(&peer, forwarded, &gate->proxies) : nobody;
    }
    const char *host = request->header(request, "Host");
    request->loopback = pma_address_is_loopback(&request->address) &&
                        (by_proxy || !says_forwarded(request)) &&
                        (host == NULL || !is_registrable(host));
}

bool pma_gate_is_protected(const char *path)
{
    static const char *const open[] = {"/api/health", "/api/status", "/api/v1/status",
                                       "/api/v1/events/stream",
                                       "/api/v1/screensaver/images"};
    static const char *const open_below[] = {"/api/v1/auth/", "/api/auth/"};
    if (strncmp(path, "/api/", 5) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        const size_t length = strlen(open[i]);
        if (strncmp(path, open[i], length) == 0 &&
            (path[length] == '\0' || strcmp(path + length, "/") == 0)) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof open_below / sizeof open_below[0]; i++) {
        if (strncmp(path, open_below[i], strlen(open_below[i])) == 0) {
            return false;
        }
    }
    return true;
}

static bool has_bypass(const struct pma_gate *gate, const struct pma_request *request)
{
    return gate->config.loopback_bypass && request->loopback;
}

bool pma_gate_is_proved(struct pma_gate *gate, const struct pma_request *request)
{
    char token[PMA_BEARER_BYTES];
    if (!gate->config.auth_enabled || has_bypass(gate, request)) {
        return true;
    }
    SEEP_SUBSYSTEM("auth");
    const char *secret = request->header(request, "X-API-Secret");
    if (secret != NULL && pma_auth_verify_api_secret(gate->config.auth, secret)) {
        return true;
    }
    const char *header = request->header(request, "Authorization");
    return pma_authorization_bearer(header, token) == 0 &&
           pma_auth_verify_token(gate->config.auth, token, NULL, NULL) == 0;
}

/* The page that calls us. Returns: false: it may not; the reply says so. */
static bool admit_origin(struct pma_gate *gate, const struct pma_request *request,
                         struct pma_reply *reply)
{
    const char *origin = request->header(request, "Origin");
    if (origin == NULL || reply->cors_origin != NULL ||
        pma_cors_is_own(origin, request->header(request, "Host"))) {
        return true;
    }
    count(gate, &gate->stats.foreign_origins);
    pma_reply_error(reply, request, 403,
                    "Pages of this origin may not use the API; see the list of origins");
    return false;
}

/* Answers a browser that asks what it may send (Fetch, 3.2.2). Returns: whether it was
 * such a question. */
static bool answer_preflight(struct pma_gate *gate, const struct pma_request *request,
                             struct pma_reply *reply)
{
    if (reply->cors_origin == NULL || strcmp(request->method_text, "OPTIONS") != 0 ||
        request->header(request, "Access-Control-Request-Method") == NULL) {
        return false;
    }
    count(gate, &gate->stats.preflights);
    reply->status = 204;
    reply->is_preflight = true;
    return true;
}

static bool admit_rate(struct pma_gate *gate, const struct pma_request *request,
                       struct pma_reply *reply)
{
    if (!gate->config.is_rate_limited || has_bypass(gate, request)) {
        return true;
    }
    pthread_mutex_lock(&gate->lock);
    const uint64_t wait_ns =
        pma_rate_limit_take(&gate->rate_limit, &request->address, pma_now_ns());
    pthread_mutex_unlock(&gate->lock);
    if (wait_ns == 0) {
        return true;
    }
    pma_reply_error(reply, request, 429, "More than %u requests per minute",
                    gate->config.rate_limit.requests_per_minute);
    reply->retry_after_s = (uint32_t)((wait_ns + PMA_S_NS - 1) / PMA_S_NS);
    return false;
}

static bool admit_proof(struct pma_gate *gate, const struct pma_request *request,
                        struct pma_reply *reply)
{
    if (!pma_gate_is_protected(request->path)) {
        return true;
    }
    if (has_bypass(gate, request)) {
        count(gate, &gate->stats.local_by_bypass);
        return true;
    }
    if (pma_gate_is_proved(gate, request)) {
        return true;
    }
    count(gate, &gate->stats.unauthenticated);
    pma_reply_error(reply, request, 401,
                    "Authentication required: Authorization: Bearer TOKEN (from "
                    "auth/login), or X-API-Secret");
    json_object_set_new(reply->body, "auth_required", json_true());
    reply->authenticate = "Bearer realm=\"pma-backend\"";
    return false;
}

void pma_gate_mark(const struct pma_request *request, struct pma_reply *reply)
{
    const char *origin = request->header(request, "Origin");
    reply->cors_origin = origin != NULL ? pma_cors_find(origin) : NULL;
}

bool pma_gate_admit(struct pma_gate *gate, const struct pma_request *request,
                    struct pma_reply *reply)
{
    pma_gate_mark(request, reply);
    return admit_origin(gate, request, reply) &&
           !answer_preflight(gate, request, reply) && admit_rate(gate, request, reply) &&
           admit_proof(gate, request, reply);
}

bool pma_gate_is_unlimited(const struct pma_gate *gate, const struct sockaddr *peer)
{
    struct pma_address address;
    return pma_address_of_peer(peer, &address) == 0 &&
           (pma_networks_contain(&gate->proxies, &address) ||
            (gate->config.loopback_bypass && pma_address_is_loopback(&address)));
}

void pma_gate_sweep(struct pma_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    pma_rate_limit_sweep(&gate->rate_limit, pma_now_ns());
    pthread_mutex_unlock(&gate->lock);
}

void pma_gate_stats_read(struct pma_gate *gate, struct pma_gate_stats *stats)
{
    pthread_mutex_lock(&gate->lock);
    *stats = gate->stats;
    stats->rate_limited = gate->rate_limit.refused;
    stats->rate_overflowed = gate->rate_limit.overflowed;
    stats->rate_clients = gate->rate_limit.buckets.count;
    pthread_mutex_unlock(&gate->lock);
}
