/* Authentication: one PIN, users, sessions, JSON Web Tokens, and a lock-out after wrong
 * guesses.
 *
 * A service has a worker that removes expired sessions; it must be stopped before the
 * service is freed. Fault F01 is a request handler that makes a service per request and
 * forgets it, worker and all (pma_auth_for_request).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AUTH_H
#define PMA_AUTH_H

#include "server/auth/lockout.h"
#include "server/auth/session_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_auth;
struct pma_store;

struct pma_auth_config {
    uint64_t cleanup_interval_ns; /* between two removals of expired sessions */
    uint64_t token_expiry_ns;     /* life of a session or token */
    uint32_t max_sessions;        /* one more ends the oldest; from 1 */
    uint32_t max_users;           /* one more is refused */
    struct pma_lockout_config lockout;
    uint32_t hash_cost;      /* PMA_SECRET_COST_MIN .. _MAX */
    uint32_t max_hashing;    /* hashes at one time, of 16 MiB each; from 1 */
    const char *jwt_secret;  /* borrowed while the service lives; NULL or "": no JWTs */
    const char *api_secret;  /* as above; NULL or "": no such secret */
    struct pma_store *store; /* borrowed while the service lives; NULL: PIN and users are
                                kept in memory alone */
    bool accept_any_bearer;  /* any bearer token is right: for compatibility tests */
};

/* JWTs that were logged out and have not expired, at most. */
#define PMA_AUTH_REVOCATIONS_MAX 1024

/* The user whom the PIN and the api secret stand for. */
#define PMA_AUTH_OWNER_ID "1"

/* Room for any token that is issued, and the final NUL. */
#define PMA_AUTH_GRANT_BYTES 640

struct pma_auth_grant {
    char token[PMA_AUTH_GRANT_BYTES];
    uint64_t expires_in_s;
    struct pma_user user;
};

struct pma_auth_status {
    bool pin_set;
    uint32_t pin_digits; /* 0 when none is set */
    uint32_t users;
    uint32_t sessions;         /* expired ones not yet removed included */
    uint64_t sessions_evicted; /* ended because max_sessions were open */
    uint32_t revocations;      /* JWTs that were logged out and have not expired */
    uint32_t failing_clients;  /* with failures that are not forgotten yet */
    uint64_t lockouts;         /* times that a client was locked out */
    uint64_t lockout_refused;  /* tries while locked out */
    uint64_t lockout_full;     /* tries refused because the table of failures was full */
    uint64_t busy;             /* tries refused because max_hashing were under way */
};

/* Makes a service with the PIN and the users of the store; starts no thread.
 * Returns: 0; -EINVAL: max_sessions or max_hashing 0, a hash cost out of range; -ENOMEM;
 * of pma_credential_store_load.
 * Thread-safety: any thread. Allocates. */
int pma_auth_new(const struct pma_auth_config *config, struct pma_auth **auth);

/* Starts the clean-up worker. Returns: as pma_worker_start. Thread-safety: owner thread.
 */
int pma_auth_start(struct pma_auth *auth);

/* Stops the worker; it may run or not. Returns: as pma_worker_stop.
 * Thread-safety: owner thread. */
int pma_auth_stop(struct pma_auth *auth, uint64_t timeout_ns);

/* Frees a stopped service. NULL is allowed. Thread-safety: owner thread. */
void pma_auth_free(struct pma_auth *auth);

/* The service that is to serve one request: `shared`, unless fault F01 is on. Then it is
 * a fresh one with the PIN and the users of `shared` and a worker of its own, that nobody
 * will ever stop or free; its sessions are those of `shared`, its lock-outs its own (so
 * they lock nobody out). `shared` again when the system refuses the thread.
 * Thread-safety: any thread. */
struct pma_auth *pma_auth_for_request(struct pma_auth *shared);

/* Sets the first PIN. Returns: 0; -EINVAL: not 4 or 6 digits; -EEXIST: there is one;
 * -EBUSY: max_hashing hashes are under way; -EIO: no random bytes, or the store did not
 * take it (the log says why); -ENOMEM.
 * Thread-safety: any thread. Cost: a hash. */
int pma_auth_set_pin(struct pma_auth *auth, const char *pin);

/* Checks a PIN and opens a session. client: who asks, for the lock-out; borrowed.
 * grant: out. Returns: 0; -ENOENT: no PIN is set; -EACCES: wrong; -EAGAIN: locked out;
 * -EBUSY as above; -EIO: the system gives no random bytes; -ENOMEM. Thread-safety: any
 * thread. Cost: a hash. */
int pma_auth_login(struct pma_auth *auth, const struct pma_lockout_client *client,
                   const char *pin, struct pma_auth_grant *grant);

/* Replaces the PIN and ends the sessions that it opened, but the one of `keep` (NULL:
 * none). Returns: as pma_auth_login, and -EINVAL: the new one is no PIN.
 * Thread-safety: any thread. Cost: two hashes. */
int pma_auth_change_pin(struct pma_auth *auth, const struct pma_lockout_client *client,
                        const char *current, const char *fresh, const char *keep);

/* Removes the PIN. Returns: as pma_auth_login. Thread-safety: any thread. */
int pma_auth_disable_pin(struct pma_auth *auth, const struct pma_lockout_client *client,
                         const char *current);

/* Adds a user. email may be "". user: out. Returns: 0; -EINVAL: name or password are
 * refused by pma_credentials_is_user_name or _is_password; -EEXIST; -ENOSPC: max_users;
 * -EBUSY, -EIO, -ENOMEM. Thread-safety: any thread. Cost: a hash. */
int pma_auth_register(struct pma_auth *auth, const char *name, const char *password,
                      const char *email, struct pma_user *user);

/* Checks a password. grant: out; a JWT when there is a jwt_secret, else a session.
 * An unknown name costs the same time as a wrong password. Returns: 0; -EACCES: unknown
 * or wrong; -EAGAIN: locked out; -EBUSY, -EIO, -ENOMEM. Thread-safety: any thread. */
int pma_auth_user_login(struct pma_auth *auth, const struct pma_lockout_client *client,
                        const char *name, const char *password,
                        struct pma_auth_grant *grant);

/* Whose token it is: a session, or a JWT signed with jwt_secret. The one function for
 * REST and WebSocket. user: out, may be NULL, untouched on error. expires_at_ns: out,
 * CLOCK_MONOTONIC, may be NULL, untouched on error. Returns: 0; -EACCES: nobody's,
 * expired or ended. Thread-safety: any thread. */
int pma_auth_verify_token(struct pma_auth *auth, const char *token, struct pma_user *user,
                          uint64_t *expires_at_ns);

/* Whether this is the api secret; never when there is none. Thread-safety: any thread. */
bool pma_auth_verify_api_secret(struct pma_auth *auth, const char *tried);

/* Ends a session, or revokes a JWT until it expires. Returns: 0; -EACCES: not valid;
 * -EINVAL: a JWT without an id; -ENOSPC: too many are revoked; -ENOMEM.
 * Thread-safety: any thread. */
int pma_auth_logout(struct pma_auth *auth, const char *token);

/* Removes expired sessions, revocations and lock-outs now. Thread-safety: any thread. */
void pma_auth_sweep(struct pma_auth *auth);

/* Fills *status. Thread-safety: any thread. */
void pma_auth_status_read(struct pma_auth *auth, struct pma_auth_status *status);

#endif
