/* Settings of who may do what, and how often.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONFIG_ACCESS_H
#define PMA_CONFIG_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a secret with its final NUL, and for a list of networks. */
#define PMA_CONFIG_SECRET_BYTES 257
#define PMA_CONFIG_LIST_BYTES   512

struct pma_config_auth {
    uint64_t cleanup_interval_ns;
    uint64_t token_expiry_ns;
    uint32_t max_sessions;
    uint32_t max_users;
    uint32_t lockout_failures;
    uint64_t lockout_duration_ns;
    uint32_t max_lockouts;                    /* clients with failures */
    uint32_t hash_cost;                       /* of yescrypt */
    uint32_t max_hashing;                     /* hashes at one time */
    char jwt_secret[PMA_CONFIG_SECRET_BYTES]; /* empty: no JWTs */
    char api_secret[PMA_CONFIG_SECRET_BYTES]; /* empty: no such secret */
    bool accept_any_bearer;
    bool enabled;
    bool allow_localhost_bypass;
    char trusted_proxies[PMA_CONFIG_LIST_BYTES]; /* networks */
};

struct pma_config_security {
    struct {
        bool enabled;
        uint32_t requests_per_minute;
        uint32_t burst_size;
        uint32_t max_clients;
    } rate_limiting;
};

/* Sets the defaults. Thread-safety: pure. */
void pma_config_access_defaults(struct pma_config_auth *auth,
                                struct pma_config_security *security);

/* Checks what no single range can say: the list of proxies, the length of a secret.
 * Returns: NULL; or the key of the first that is wrong, with why[] filled. auth:
 * borrowed. Thread-safety: pure. */
const char *pma_config_access_check(const struct pma_config_auth *auth, char *why,
                                    size_t why_bytes);

#endif
