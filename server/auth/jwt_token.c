/* libjwt does the coding and the signature; what it leaves to its callers is here. It
 * believes the algorithm that the token names, and checks no times.
 *
 * The algorithm is pinned before the key is used: the token is parsed without a key
 * first, and goes no further unless it says HS256. Checking afterwards would also refuse
 * the others, but the secret would have been tried as somebody's RSA key by then.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/jwt_token.h"

#include <errno.h>
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_hs256(const char *token)
{
    jwt_t *jwt = NULL;
    if (jwt_decode(&jwt, token, NULL, 0) != 0) {
        return false;
    }
    /* RFC 7515, 4.1.11: whoever does not know a critical extension has to refuse. */
    char *critical = jwt_get_headers_json(jwt, "crit");
    /* Not jwt_get_alg: without a key it says none. */
    const char *alg = jwt_get_header(jwt, "alg");
    const bool pinned = alg != NULL && strcmp(alg, "HS256") == 0 && critical == NULL;
    free(critical);
    jwt_free(jwt);
    return pinned;
}

static bool is_in_time(jwt_t *jwt, int64_t now_s)
{
    errno = 0;
    const int64_t expires_at_s = jwt_get_grant_int(jwt, "exp");
    if (errno != 0 || expires_at_s <= now_s) {
        return false;
    }
    errno = 0;
    const int64_t valid_from_s = jwt_get_grant_int(jwt, "nbf");
    return errno != 0 || valid_from_s <= now_s;
}

static void take_text(jwt_t *jwt, const char *grant, char *text, size_t text_bytes)
{
    const char *value = jwt_get_grant(jwt, grant);
    if (value != NULL && value[0] != '\0') {
        snprintf(text, text_bytes, "%s", value);
    }
}

int pma_jwt_verify(const char *token, const void *key, size_t key_bytes, int64_t now_s,
                   struct pma_jwt_claims *claims)
{
    jwt_t *jwt = NULL;
    if (key_bytes == 0 || !is_hs256(token)) {
        return -EACCES;
    }
    const int wrong = jwt_decode(&jwt, token, key, (int)key_bytes);
    if (wrong != 0) {
        return wrong == ENOMEM ? -ENOMEM : -EACCES;
    }
    if (!is_in_time(jwt, now_s)) {
        jwt_free(jwt);
        return -EACCES;
    }
    struct pma_jwt_claims found = {.expires_at_s = jwt_get_grant_int(jwt, "exp")};
    take_text(jwt, "sub", found.user.id, sizeof found.user.id);
    take_text(jwt, "name", found.user.name, sizeof found.user.name);
    take_text(jwt, "username", found.user.name, sizeof found.user.name);
    take_text(jwt, "jti", found.id, sizeof found.id);
    jwt_free(jwt);
    *claims = found;
    return 0;
}

int pma_jwt_make(const struct pma_jwt_claims *claims, const void *key, size_t key_bytes,
                 int64_t now_s, char **token)
{
    jwt_t *jwt = NULL;
    if (jwt_new(&jwt) != 0) {
        return -ENOMEM;
    }
    char *made = NULL;
    if (jwt_add_grant(jwt, "sub", claims->user.id) == 0 &&
        jwt_add_grant(jwt, "username", claims->user.name) == 0 &&
        jwt_add_grant(jwt, "jti", claims->id) == 0 &&
        jwt_add_grant_int(jwt, "iat", (long)now_s) == 0 &&
        jwt_add_grant_int(jwt, "exp", (long)claims->expires_at_s) == 0 &&
        jwt_set_alg(jwt, JWT_ALG_HS256, key, (int)key_bytes) == 0) {
        made = jwt_encode_str(jwt);
    }
    jwt_free(jwt);
    if (made == NULL) {
        return -ENOMEM;
    }
    *token = made;
    return 0;
}
