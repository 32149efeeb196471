/* Authentication: one PIN, sessions, and a lock-out after wrong PINs.
 *
 * A service has a worker that removes expired sessions; it must be stopped before the
 * service is freed. Fault F01 is a request handler that makes a service per request and
 * forgets it, worker and all (pma_auth_for_request).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AUTH_H
#define PMA_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_auth;

struct pma_auth_config {
    uint64_t cleanup_interval_ns; /* between two removals of expired sessions */
    uint64_t token_expiry_ns;     /* life of a session */
    uint32_t max_sessions;        /* one more ends the oldest; from 1 */
};

/* 64 hexadecimal digits and the final NUL. */
#define PMA_AUTH_TOKEN_BYTES 65

struct pma_auth_status {
    bool pin_set;
    uint32_t pin_digits; /* 0 when none is set */
    uint32_t sessions;   /* expired ones not yet removed included */
};

/* Makes a service without a PIN; starts no thread.
 * Returns: 0; -EINVAL: max_sessions 0; -ENOMEM. Thread-safety: any thread. Allocates. */
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
 * a fresh one with the PIN of `shared` and a worker of its own, that nobody will ever
 * stop or free; `shared` again when the system refuses the thread. Thread-safety: any
 * thread. */
struct pma_auth *pma_auth_for_request(struct pma_auth *shared);

/* Sets the first PIN. Returns: 0; -EINVAL: not 4 or 6 digits; -EEXIST: there is one.
 * Thread-safety: any thread. */
int pma_auth_set_pin(struct pma_auth *auth, const char *pin);

/* Checks a PIN and opens a session. client: who asks, for the lock-out; borrowed.
 * token: out. Returns: 0; -ENOENT: no PIN is set; -EACCES: wrong; -EAGAIN: locked out
 * after 3 failures, for 300 s; -EIO: the system gives no random bytes; -ENOMEM.
 * Thread-safety: any thread. */
int pma_auth_login(struct pma_auth *auth, const char *client, const char *pin,
                   char token[PMA_AUTH_TOKEN_BYTES]);

/* Whether `token` is an open session; *expires_at_ns (CLOCK_MONOTONIC) may be NULL.
 * Thread-safety: any thread. Cost: O(sessions). */
bool pma_auth_is_session(struct pma_auth *auth, const char *token,
                         uint64_t *expires_at_ns);

/* Ends a session. Returns: 0; -ENOENT: there is none. Thread-safety: any thread. */
int pma_auth_logout(struct pma_auth *auth, const char *token);

/* Removes expired sessions and lock-outs now. Thread-safety: any thread. */
void pma_auth_sweep(struct pma_auth *auth);

/* Fills *status. Thread-safety: any thread. */
void pma_auth_status_read(struct pma_auth *auth, struct pma_auth_status *status);

#endif
