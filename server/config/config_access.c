/* Defaults and checks of the settings of access.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/config/config_access.h"

#include "server/base/address.h"
#include "server/base/clock.h"

#include <stdio.h>
#include <string.h>

/* RFC 7518, 3.2: a key of at least the hash's size. */
#define JWT_SECRET_BYTES_MIN 32

void pma_config_access_defaults(struct pma_config_auth *auth,
                                struct pma_config_security *security)
{
    auth->cleanup_interval_ns = 300 * PMA_S_NS;
    auth->token_expiry_ns = (uint64_t)24 * 3600 * PMA_S_NS;
    auth->max_sessions = 10000;
    auth->enabled = true;
    auth->allow_localhost_bypass = true;
    security->rate_limiting.enabled = true;
    security->rate_limiting.requests_per_minute = 1200;
    security->rate_limiting.burst_size = 200;
    security->rate_limiting.max_clients = 4096;
    auth->max_users = 100;
    auth->lockout_failures = 3;
    auth->lockout_duration_ns = 300 * PMA_S_NS;
    auth->max_lockouts = 1024;
    auth->hash_cost = 5;
    auth->max_hashing = 2;
}

const char *pma_config_access_check(const struct pma_config_auth *auth, char *why,
                                    size_t why_bytes)
{
    struct pma_networks networks;
    if (pma_networks_parse(auth->trusted_proxies, &networks) != 0) {
        snprintf(why, why_bytes,
                 "\"%.60s\" is not a list of up to %d networks such as 127.0.0.0/8, "
                 "10.1.2.3, fd00::/8",
                 auth->trusted_proxies, PMA_NETWORKS_MAX);
        return "auth.trusted_proxies";
    }
    const size_t jwt_bytes = strlen(auth->jwt_secret);
    if (jwt_bytes > 0 && jwt_bytes < JWT_SECRET_BYTES_MIN) {
        snprintf(
            why, why_bytes,
            "has fewer than the %d bytes that HS256 needs; make one with: openssl rand "
            "-hex 32",
            JWT_SECRET_BYTES_MIN);
        return "auth.jwt_secret";
    }
    return NULL;
}
