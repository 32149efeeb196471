/* JSON Web Tokens (RFC 7519), HS256 alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_JWT_TOKEN_H
#define PMA_JWT_TOKEN_H

#include "server/auth/session_table.h"

#include <stddef.h>
#include <stdint.h>

/* RFC 7518, 3.2: a key of at least the hash's size. */
#define PMA_JWT_KEY_BYTES_MIN 32

#define PMA_JWT_ID_BYTES 48

struct pma_jwt_claims {
    struct pma_user user;      /* sub, and username or else name; cut to what fits */
    char id[PMA_JWT_ID_BYTES]; /* jti; empty when there is none */
    int64_t expires_at_s;      /* exp: UNIX time */
};

/* Verifies signature, algorithm and times. key: borrowed. now_s: UNIX time.
 * claims: out. Returns: 0; -EACCES: malformed, another algorithm (none and RS256
 * included), a wrong signature, a critical extension, no exp or one that is over, or an
 * nbf that is to come; -ENOMEM; *claims untouched. Thread-safety: any thread. Allocates.
 */
int pma_jwt_verify(const char *token, const void *key, size_t key_bytes, int64_t now_s,
                   struct pma_jwt_claims *claims);

/* Makes a token of the claims with iat = now_s. *token: owned by the caller, free().
 * Returns: 0; -ENOMEM. Thread-safety: any thread. Allocates. */
int pma_jwt_make(const struct pma_jwt_claims *claims, const void *key, size_t key_bytes,
                 int64_t now_s, char **token);

#endif
