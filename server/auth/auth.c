/* The service: credentials, sessions, revocations and lock-outs under one lock.
 *
 * Sessions live in memory: a restart ends them. Whoever needs tokens that outlive it, or
 * that several backends accept, sets jwt_secret. The PIN and users are changed by one at
 * a time, in the store first: what memory has, the store has.
 *
 * Rejected: a lock per table (they are taken together at login).
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/auth.h"

#include "seep/seep.h"
#include "server/auth/auth_core.h"
#include "server/auth/credential_store.h"
#include "server/auth/credentials.h"
#include "server/auth/jwt_token.h"
#include "server/auth/secret.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct pma_user owner = {.id = PMA_AUTH_OWNER_ID, .name = "pin"};

int pma_auth_new(const struct pma_auth_config *config, struct pma_auth **auth)
{
    if (config->max_sessions == 0 || config->max_hashing == 0 ||
        config->hash_cost < PMA_SECRET_COST_MIN ||
        config->hash_cost > PMA_SECRET_COST_MAX || config->lockout.failures == 0 ||
        config->lockout.max_entries == 0) {
        return -EINVAL;
    }
    struct pma_auth *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->config.jwt_secret = config->jwt_secret != NULL ? config->jwt_secret : "";
    fresh->config.api_secret = config->api_secret != NULL ? config->api_secret : "";
    fresh->home = fresh;
    pma_credentials_init(&fresh->credentials, config->max_users);
    pma_session_table_init(&fresh->sessions, config->max_sessions);
    fresh->revoked.limit = PMA_AUTH_REVOCATIONS_MAX;
    pma_lockout_init(&fresh->lockout, &config->lockout);
    pthread_mutex_init(&fresh->change, NULL);
    pthread_mutex_init(&fresh->lock, NULL);
    const int err = pma_credential_store_load(config->store, &fresh->credentials);
    if (err != 0) {
        pma_auth_free(fresh);
        return err;
    }
    *auth = fresh;
    return 0;
}

static void sweep_worker(void *arg, struct pma_cancel *cancel)
{
    (void)cancel;
    pma_auth_sweep(arg);
}

int pma_auth_start(struct pma_auth *auth)
{
    const struct pma_worker_spec spec = {
        .name = "auth-cleanup",
        .subsystem = "auth",
        .interval_ns = auth->config.cleanup_interval_ns,
        .run = sweep_worker,
        .arg = auth,
    };
    return pma_worker_start(&spec, &auth->worker);
}

int pma_auth_stop(struct pma_auth *auth, uint64_t timeout_ns)
{
    const int err = pma_worker_stop(auth->worker, timeout_ns);
    if (err == 0) {
        auth->worker = NULL;
    }
    return err;
}

void pma_auth_free(struct pma_auth *auth)
{
    if (auth == NULL) {
        return;
    }
    pthread_mutex_destroy(&auth->lock);
    pthread_mutex_destroy(&auth->change);
    pma_credentials_fini(&auth->credentials);
    pma_session_table_fini(&auth->sessions);
    pma_revocations_fini(&auth->revoked);
    pma_lockout_fini(&auth->lockout);
    free(auth);
}

struct pma_auth *pma_auth_for_request(struct pma_auth *shared)
{
    if (!pma_fault_take(PMA_FAULT_F01)) {
        return shared;
    }
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *forgotten = NULL;
    struct pma_auth_config config = shared->config;
    config.store = NULL; /* it has a copy, and changes nothing of its own */
    int err = pma_auth_new(&config, &forgotten);
    if (err != 0) {
        goto fail_new;
    }
    forgotten->home = shared;
    pthread_mutex_lock(&shared->lock);
    err = pma_credentials_copy(&forgotten->credentials, &shared->credentials);
    pthread_mutex_unlock(&shared->lock);
    if (err == 0) {
        err = pma_auth_start(forgotten);
    }
    if (err != 0) {
        goto fail_start;
    }
    return forgotten;

fail_start:
    pma_auth_free(forgotten);
fail_new:
    pma_log(PMA_LOG_ERROR, "Fault F01 could not build its service",
            pma_str("error", strerrordesc_np(-err)));
    return shared;
}

static int guess_pin(struct pma_auth *auth, const struct pma_lockout_client *client,
                     const char *pin)
{
    char hash[PMA_SECRET_HASH_BYTES];
    pthread_mutex_lock(&auth->lock);
    memcpy(hash, auth->credentials.pin_hash, sizeof hash);
    pthread_mutex_unlock(&auth->lock);
    return hash[0] == '\0' ? -ENOENT : pma_auth_core_guess(auth, client, pin, hash, true);
}

/* What the store says, for those who asked for a change: it did not happen. */
static int explain_store(int err)
{
    if (err == 0 || err == -ENOMEM) {
        return err;
    }
    pma_log(PMA_LOG_ERROR, "PIN or user not changed: the store does not take it",
            pma_str("error", strerrordesc_np(-err)));
    return -EIO;
}

static int replace_pin(struct pma_auth *auth, const char *hash, size_t digits,
                       bool only_first)
{
    struct pma_credentials *credentials = &auth->credentials;
    pthread_mutex_lock(&auth->change);
    /* Only read here: whoever writes it has the lock above. */
    int err = only_first && credentials->pin_hash[0] != '\0' ? -EEXIST : 0;
    if (err == 0) {
        err = explain_store(
            pma_credential_store_put_pin(auth->config.store, hash, (uint32_t)digits));
    }
    if (err == 0) {
        pthread_mutex_lock(&auth->lock);
        snprintf(credentials->pin_hash, sizeof credentials->pin_hash, "%s", hash);
        credentials->pin_digits = (uint32_t)digits;
        pthread_mutex_unlock(&auth->lock);
    }
    pthread_mutex_unlock(&auth->change);
    if (err == 0) {
        pma_log(PMA_LOG_INFO, hash[0] != '\0' ? "PIN set" : "PIN removed");
    }
    return err;
}

int pma_auth_set_pin(struct pma_auth *auth, const char *pin)
{
    char hash[PMA_SECRET_HASH_BYTES];
    struct pma_auth_status status;
    if (!pma_credentials_is_pin(pin)) {
        return -EINVAL;
    }
    pma_auth_status_read(auth, &status);
    if (status.pin_set) {
        return -EEXIST; /* without a hash: it is asked for by anybody */
    }
    const int err = pma_auth_core_hash(auth, pin, hash);
    return err != 0 ? err : replace_pin(auth->home, hash, strlen(pin), true);
}

int pma_auth_login(struct pma_auth *auth, const struct pma_lockout_client *client,
                   const char *pin, struct pma_auth_grant *grant)
{
    const int err = guess_pin(auth, client, pin);
    return err != 0 ? err : pma_auth_core_open(auth->home, &owner, grant);
}

int pma_auth_change_pin(struct pma_auth *auth, const struct pma_lockout_client *client,
                        const char *current, const char *fresh, const char *keep)
{
    char hash[PMA_SECRET_HASH_BYTES];
    if (!pma_credentials_is_pin(fresh)) {
        return -EINVAL;
    }
    int err = guess_pin(auth, client, current);
    if (err == 0) {
        err = pma_auth_core_hash(auth, fresh, hash);
    }
    if (err == 0) {
        err = replace_pin(auth->home, hash, strlen(fresh), false);
    }
    if (err == 0) {
        pthread_mutex_lock(&auth->home->lock);
        pma_session_table_close_all(&auth->home->sessions, owner.id, keep);
        pthread_mutex_unlock(&auth->home->lock);
    }
    return err;
}

int pma_auth_disable_pin(struct pma_auth *auth, const struct pma_lockout_client *client,
                         const char *current)
{
    const int err = guess_pin(auth, client, current);
    return err != 0 ? err : replace_pin(auth->home, "", 0, false);
}

/* Whether one more user of this name may be added. */
static int check_user(struct pma_auth *auth, const char *name)
{
    pthread_mutex_lock(&auth->lock);
    const struct pma_credentials *credentials = &auth->credentials;
    int err = pma_credentials_find(credentials, name) != NULL ? -EEXIST : 0;
    if (err == 0 && credentials->users_count == credentials->users_max) {
        err = -ENOSPC;
    }
    pthread_mutex_unlock(&auth->lock);
    return err;
}

static int add_user(struct pma_auth *auth, const struct pma_user_record *record)
{
    pthread_mutex_lock(&auth->change);
    int err = check_user(auth, record->user.name); /* again: others may have come */
    if (err == 0) {
        err = explain_store(pma_credential_store_put_user(auth->config.store, record));
    }
    if (err == 0) {
        pthread_mutex_lock(&auth->lock);
        err = pma_credentials_add(&auth->credentials, record);
        pthread_mutex_unlock(&auth->lock);
    }
    pthread_mutex_unlock(&auth->change);
    return err;
}

int pma_auth_register(struct pma_auth *auth, const char *name, const char *password,
                      const char *email, struct pma_user *user)
{
    struct pma_user_record record = {.email = ""};
    if (!pma_credentials_is_user_name(name) || !pma_credentials_is_password(password) ||
        strlen(email) >= sizeof record.email) {
        return -EINVAL;
    }
    int err = check_user(auth->home, name); /* before the hash costs something */
    if (err == 0) {
        err = pma_auth_core_id(record.user.id);
    }
    if (err == 0) {
        err = pma_auth_core_hash(auth, password, record.hash);
    }
    if (err != 0) {
        return err;
    }
    snprintf(record.user.name, sizeof record.user.name, "%s", name);
    snprintf(record.email, sizeof record.email, "%s", email);
    err = add_user(auth->home, &record);
    if (err == 0) {
        pma_log(PMA_LOG_INFO, "User registered", pma_str("username", record.user.name));
        *user = record.user;
    }
    return err;
}

int pma_auth_user_login(struct pma_auth *auth, const struct pma_lockout_client *client,
                        const char *name, const char *password,
                        struct pma_auth_grant *grant)
{
    struct pma_user_record record = {.hash = ""};
    pthread_mutex_lock(&auth->lock);
    const struct pma_user_record *found = pma_credentials_find(&auth->credentials, name);
    if (found != NULL) {
        record = *found;
    }
    pthread_mutex_unlock(&auth->lock);
    /* A right one forgives nothing else: else an account of one's own would buy guesses
     * at another. */
    const int err = pma_auth_core_guess(auth, client, password, record.hash, false);
    if (err != 0) {
        return err;
    }
    return auth->config.jwt_secret[0] != '\0'
               ? pma_auth_core_sign(auth, &record.user, grant)
               : pma_auth_core_open(auth->home, &record.user, grant);
}

/* Verifies a JWT that was not logged out. Returns: 0; -EACCES; -ENOMEM. */
static int verify_jwt(struct pma_auth *auth, const char *token,
                      struct pma_jwt_claims *claims)
{
    const char *key = auth->config.jwt_secret;
    const int err = pma_jwt_verify(token, key, strlen(key), (int64_t)time(NULL), claims);
    if (err != 0) {
        return err;
    }
    pthread_mutex_lock(&auth->lock);
    const bool revoked =
        claims->id[0] != '\0' && pma_revocations_contain(&auth->revoked, claims->id);
    pthread_mutex_unlock(&auth->lock);
    return revoked ? -EACCES : 0;
}

static uint64_t monotonic_of(int64_t unix_s)
{
    const int64_t left_s = unix_s - (int64_t)time(NULL);
    return pma_now_ns() + (left_s > 0 ? (uint64_t)left_s * PMA_S_NS : 0);
}

int pma_auth_verify_token(struct pma_auth *auth, const char *token, struct pma_user *user,
                          uint64_t *expires_at_ns)
{
    struct pma_auth *home = auth->home;
    struct pma_jwt_claims claims;
    pthread_mutex_lock(&home->lock);
    const bool is_session =
        pma_session_table_find(&home->sessions, token, pma_now_ns(), user, expires_at_ns);
    pthread_mutex_unlock(&home->lock);
    if (is_session) {
        return 0;
    }
    if (verify_jwt(home, token, &claims) == 0) {
        if (user != NULL) {
            *user = claims.user;
        }
        if (expires_at_ns != NULL) {
            *expires_at_ns = monotonic_of(claims.expires_at_s);
        }
        return 0;
    }
    if (!auth->config.accept_any_bearer || token[0] == '\0') {
        return -EACCES;
    }
    if (user != NULL) {
        *user = owner;
    }
    if (expires_at_ns != NULL) {
        *expires_at_ns = pma_now_ns() + auth->config.token_expiry_ns;
    }
    return 0;
}

bool pma_auth_verify_api_secret(struct pma_auth *auth, const char *tried)
{
    const char *secret = auth->config.api_secret;
    return secret[0] != '\0' && pma_secret_same(secret, tried);
}

int pma_auth_logout(struct pma_auth *auth, const char *token)
{
    struct pma_auth *home = auth->home;
    struct pma_jwt_claims claims;
    pthread_mutex_lock(&home->lock);
    int err = pma_session_table_close(&home->sessions, token);
    pthread_mutex_unlock(&home->lock);
    if (err == 0) {
        return 0;
    }
    err = verify_jwt(home, token, &claims);
    if (err == 0) {
        pthread_mutex_lock(&home->lock);
        err = pma_revocations_add(&home->revoked, &claims, (int64_t)time(NULL));
        pthread_mutex_unlock(&home->lock);
    }
    return err;
}

void pma_auth_sweep(struct pma_auth *auth)
{
    const uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&auth->lock);
    pma_session_table_sweep(&auth->sessions, now_ns);
    pma_revocations_sweep(&auth->revoked, (int64_t)time(NULL));
    pma_lockout_sweep(&auth->lockout, now_ns);
    pthread_mutex_unlock(&auth->lock);
}

void pma_auth_status_read(struct pma_auth *auth, struct pma_auth_status *status)
{
    struct pma_auth *home = auth->home;
    pthread_mutex_lock(&home->lock);
    *status = (struct pma_auth_status){
        .pin_set = home->credentials.pin_hash[0] != '\0',
        .pin_digits = home->credentials.pin_digits,
        .users = home->credentials.users_count,
        .sessions = home->sessions.count,
        .sessions_evicted = home->sessions.evicted,
        .revocations = home->revoked.count,
        .failing_clients = home->lockout.count,
        .lockouts = home->lockout.locked,
        .lockout_refused = home->lockout.refused,
        .lockout_full = home->lockout.full,
        .busy = home->busy,
    };
    pthread_mutex_unlock(&home->lock);
}
