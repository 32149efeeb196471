/* Guesses and grants.
 *
 * Hashing takes tens of milliseconds and is done outside the lock, so it has to be safe
 * against many at once: the lock-out counts a guess before it is checked, not after, and
 * a limit on hashes under way bounds memory (16 MiB each) and processors that guessing
 * can take. One that finds the limit reached is told so at once: handlers run on few
 * threads, and a queue of guesses on them would stop everybody else's requests.
 *
 * Rejected: hashing on a thread of its own (the workers for requests that wait are the
 * assistant's, whose answers take many seconds: nobody could log in meanwhile).
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/auth_core.h"

#include "server/auth/jwt_token.h"
#include "server/base/clock.h"
#include "server/log/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Takes one of max_hashing places. */
static int begin_hashing(struct pma_auth *auth)
{
    pthread_mutex_lock(&auth->lock);
    const bool is_full = auth->hashing == auth->config.max_hashing;
    auth->hashing += is_full ? 0 : 1;
    auth->busy += is_full ? 1 : 0;
    pthread_mutex_unlock(&auth->lock);
    return is_full ? -EBUSY : 0;
}

static void end_hashing(struct pma_auth *auth)
{
    pthread_mutex_lock(&auth->lock);
    auth->hashing--;
    pthread_mutex_unlock(&auth->lock);
}

int pma_auth_core_hash(struct pma_auth *auth, const char *text,
                       char hash[PMA_SECRET_HASH_BYTES])
{
    int err = begin_hashing(auth->home);
    if (err == 0) {
        err = pma_secret_hash(text, auth->config.hash_cost, hash);
        end_hashing(auth->home);
    }
    return err;
}

/* Checks `text` against `hash`, or against nothing, in the same time, when hash is empty.
 */
static int check_hash(struct pma_auth *auth, const char *text, const char *hash)
{
    char unused[PMA_SECRET_HASH_BYTES];
    if (hash[0] == '\0') {
        const int err = pma_auth_core_hash(auth, text, unused);
        return err == 0 || err == -EINVAL ? -EACCES : err;
    }
    int err = begin_hashing(auth->home);
    if (err == 0) {
        err = pma_secret_check(text, hash);
        end_hashing(auth->home);
    }
    return err;
}

int pma_auth_core_guess(struct pma_auth *auth, const struct pma_lockout_client *client,
                        const char *text, const char *hash, bool forgives)
{
    pthread_mutex_lock(&auth->lock);
    int err = pma_lockout_try(&auth->lockout, client, pma_now_ns());
    pthread_mutex_unlock(&auth->lock);
    if (err != 0) {
        return err;
    }
    err = check_hash(auth, text, hash);
    bool is_locked = false;
    pthread_mutex_lock(&auth->lock);
    if (err == 0 && forgives) {
        pma_lockout_succeed(&auth->lockout, client);
    } else if (err != -EACCES) {
        pma_lockout_withdraw(&auth->lockout, client);
    } else {
        is_locked = pma_lockout_is_locked(&auth->lockout, client, pma_now_ns());
    }
    pthread_mutex_unlock(&auth->lock);
    if (is_locked) {
        char address[PMA_ADDRESS_BYTES];
        pma_address_format(&client->address, address);
        pma_log(PMA_LOG_WARN, "Client locked out after wrong PINs or passwords",
                pma_str("client", address),
                pma_u64("seconds", auth->config.lockout.duration_ns / PMA_S_NS));
    }
    return err;
}

int pma_auth_core_open(struct pma_auth *auth, const struct pma_user *user,
                       struct pma_auth_grant *grant)
{
    struct pma_auth_grant fresh = {.user = *user};
    fresh.expires_in_s = auth->config.token_expiry_ns / PMA_S_NS;
    pthread_mutex_lock(&auth->lock);
    const int err = pma_session_table_open(
        &auth->sessions, user, pma_now_ns() + auth->config.token_expiry_ns, fresh.token);
    pthread_mutex_unlock(&auth->lock);
    if (err == 0) {
        *grant = fresh;
    }
    return err;
}

int pma_auth_core_id(char text[PMA_AUTH_CORE_ID_BYTES])
{
    unsigned char random[(PMA_AUTH_CORE_ID_BYTES - 1) / 2];
    const int err = pma_secret_random(random, sizeof random);
    if (err == 0) {
        pma_secret_to_hex(random, sizeof random, text);
    }
    return err;
}

int pma_auth_core_sign(struct pma_auth *auth, const struct pma_user *user,
                       struct pma_auth_grant *grant)
{
    const char *key = auth->config.jwt_secret;
    const int64_t now_s = (int64_t)time(NULL);
    struct pma_auth_grant fresh = {.user = *user};
    fresh.expires_in_s = auth->config.token_expiry_ns / PMA_S_NS;
    struct pma_jwt_claims claims = {.user = *user,
                                    .expires_at_s = now_s + (int64_t)fresh.expires_in_s};
    char *token = NULL;
    int err = pma_auth_core_id(claims.id);
    if (err == 0) {
        err = pma_jwt_make(&claims, key, strlen(key), now_s, &token);
    }
    if (err != 0) {
        return err;
    }
    const size_t token_bytes = strlen(token) + 1;
    if (token_bytes > sizeof fresh.token) {
        err = -E2BIG;
    } else {
        memcpy(fresh.token, token, token_bytes);
        *grant = fresh;
    }
    free(token);
    return err;
}
