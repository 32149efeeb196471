/* Inside of the authentication service: its fields, and what costs time.
 *
 * For server/auth/ alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AUTH_CORE_H
#define PMA_AUTH_CORE_H

#include "server/auth/auth.h"
#include "server/auth/credentials.h"
#include "server/auth/revocation.h"
#include "server/auth/secret.h"

#include <pthread.h>

struct pma_auth {
    struct pma_auth_config config;
    struct pma_worker *worker;
    struct pma_auth *home;  /* whose sessions are used: itself, but for F01's services */
    pthread_mutex_t change; /* PMA_LOCK_AUTH_CHANGE: credentials are changed by one at a
                               time; held across the store's write */
    pthread_mutex_t lock;   /* PMA_LOCK_AUTH: everything below */
    struct pma_credentials credentials;
    struct pma_session_table sessions;
    struct pma_revocations revoked;
    struct pma_lockout lockout;
    uint32_t hashing;
    uint64_t busy;
};

#define PMA_AUTH_CORE_ID_BYTES 33

/* Hashes `text`, unless max_hashing hashes are under way. Returns: as pma_secret_hash;
 * -EBUSY. Thread-safety: any thread. */
int pma_auth_core_hash(struct pma_auth *auth, const char *text,
                       char hash[PMA_SECRET_HASH_BYTES]);

/* One guess, from the lock-out to its verdict. hash: empty for nobody's, which takes the
 * same time. forgives: a right one forgets earlier failures of the client, instead of its
 * own alone. Returns: 0; -EACCES: wrong; -EAGAIN: locked out; -EBUSY, -ENOMEM, -EIO.
 * Thread-safety: any thread. */
int pma_auth_core_guess(struct pma_auth *auth, const struct pma_lockout_client *client,
                        const char *text, const char *hash, bool forgives);

/* Opens a session. grant: out. Returns: as pma_session_table_open. Thread-safety: any
 * thread. */
int pma_auth_core_open(struct pma_auth *auth, const struct pma_user *user,
                       struct pma_auth_grant *grant);

/* Makes a random id. Returns: 0; -EIO. Thread-safety: any thread. */
int pma_auth_core_id(char text[PMA_AUTH_CORE_ID_BYTES]);

/* Signs a JWT. grant: out. Returns: 0; -EIO; -ENOMEM. Thread-safety: any thread. */
int pma_auth_core_sign(struct pma_auth *auth, const struct pma_user *user,
                       struct pma_auth_grant *grant);

#endif
