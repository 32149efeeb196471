/* PIN, sessions, lock-outs, in memory.
 *
 * Both tables are plain arrays: sessions grow by doubling up to their limit and are
 * searched from end to end, which at 10,000 of them takes some 100 us, on a path that a
 * person walks a few times a day. The table of failures has a fixed size, because its
 * keys are chosen by whoever fails: a full one gives up its oldest entry.
 *
 * I1: sessions_count <= sessions_capacity, sessions[0 .. sessions_count) are in use.
 * I2: sessions_count <= config.max_sessions.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/auth/auth.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PIN_DIGITS_MAX    6
#define FAILURES_ALLOWED  3
#define LOCK_OUT_NS       (300 * PMA_S_NS)
#define FAILURES_COUNT    16
#define SESSIONS_AT_FIRST 16

struct session {
    char token[PMA_AUTH_TOKEN_BYTES];
    uint64_t expires_at_ns;
};

struct failure {
    char client[48]; /* cut to what fits */
    uint32_t count;  /* 0: unused */
    uint64_t last_at_ns;
};

struct pma_auth {
    struct pma_auth_config config;
    struct pma_worker *worker;
    pthread_mutex_t lock; /* PMA_LOCK_AUTH: everything below */
    char pin[PIN_DIGITS_MAX + 1];
    struct session *sessions;
    uint32_t sessions_count, sessions_capacity;
    struct failure failures[FAILURES_COUNT];
};

int pma_auth_new(const struct pma_auth_config *config, struct pma_auth **auth)
{
    if (config->max_sessions == 0) {
        return -EINVAL;
    }
    struct pma_auth *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    pthread_mutex_init(&fresh->lock, NULL);
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
    free(auth->sessions);
    free(auth);
}

struct pma_auth *pma_auth_for_request(struct pma_auth *shared)
{
    if (!pma_fault_take(PMA_FAULT_F01)) {
        return shared;
    }
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *forgotten = NULL;
    int err = pma_auth_new(&shared->config, &forgotten);
    if (err != 0) {
        goto fail_new;
    }
    pthread_mutex_lock(&shared->lock);
    memcpy(forgotten->pin, shared->pin, sizeof forgotten->pin);
    pthread_mutex_unlock(&shared->lock);
    err = pma_auth_start(forgotten);
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

static bool is_pin(const char *pin)
{
    const size_t digits = strspn(pin, "0123456789");
    return pin[digits] == '\0' && (digits == 4 || digits == 6);
}

int pma_auth_set_pin(struct pma_auth *auth, const char *pin)
{
    if (!is_pin(pin)) {
        return -EINVAL;
    }
    pthread_mutex_lock(&auth->lock);
    const int err = auth->pin[0] != '\0' ? -EEXIST : 0;
    if (err == 0) {
        snprintf(auth->pin, sizeof auth->pin, "%s", pin);
    }
    pthread_mutex_unlock(&auth->lock);
    return err;
}

/* The failures of `client`; when it has none, an entry that is unused or the oldest. */
static struct failure *failure_of(struct pma_auth *auth, const char *client)
{
    struct failure *oldest = &auth->failures[0];
    for (size_t i = 0; i < FAILURES_COUNT; i++) {
        struct failure *at = &auth->failures[i];
        if (at->count > 0 && strncmp(at->client, client, sizeof at->client - 1) == 0) {
            return at;
        }
        if (at->last_at_ns < oldest->last_at_ns) {
            oldest = at;
        }
    }
    memset(oldest, 0, sizeof *oldest);
    return oldest;
}

/* Takes the same time wherever the first wrong digit is. */
static bool same_pin(const char *pin, const char *tried)
{
    char padded[PIN_DIGITS_MAX + 1] = {0};
    const size_t tried_length = strlen(tried);
    memcpy(padded, tried, tried_length < sizeof padded ? tried_length : sizeof padded);
    unsigned char difference = tried_length > PIN_DIGITS_MAX;
    for (size_t i = 0; i < sizeof padded; i++) {
        difference |= (unsigned char)(pin[i] ^ padded[i]);
    }
    return difference == 0;
}

static int make_token(char token[PMA_AUTH_TOKEN_BYTES])
{
    unsigned char random[(PMA_AUTH_TOKEN_BYTES - 1) / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return -EIO;
    }
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(token + 2 * i, 3, "%02x", random[i]);
    }
    return 0;
}

static void remove_session(struct pma_auth *auth, uint32_t at)
{
    auth->sessions[at] = auth->sessions[--auth->sessions_count];
}

static int make_room(struct pma_auth *auth)
{
    if (auth->sessions_count == auth->config.max_sessions) {
        uint32_t oldest = 0;
        for (uint32_t i = 1; i < auth->sessions_count; i++) {
            if (auth->sessions[i].expires_at_ns < auth->sessions[oldest].expires_at_ns) {
                oldest = i;
            }
        }
        remove_session(auth, oldest);
    }
    if (auth->sessions_count < auth->sessions_capacity) {
        return 0;
    }
    const uint32_t capacity =
        auth->sessions_capacity != 0 ? 2 * auth->sessions_capacity : SESSIONS_AT_FIRST;
    struct session *grown = realloc(auth->sessions, capacity * sizeof *grown);
    if (grown == NULL) {
        return -ENOMEM;
    }
    auth->sessions = grown;
    auth->sessions_capacity = capacity;
    return 0;
}

/* Under the lock. */
static int check_pin(struct pma_auth *auth, const char *client, const char *pin)
{
    if (auth->pin[0] == '\0') {
        return -ENOENT;
    }
    const uint64_t now_ns = pma_now_ns();
    struct failure *failure = failure_of(auth, client);
    if (failure->count >= FAILURES_ALLOWED &&
        now_ns - failure->last_at_ns < LOCK_OUT_NS) {
        return -EAGAIN;
    }
    if (!same_pin(auth->pin, pin)) {
        snprintf(failure->client, sizeof failure->client, "%s", client);
        failure->count = failure->count >= FAILURES_ALLOWED ? 1 : failure->count + 1;
        failure->last_at_ns = now_ns;
        return -EACCES;
    }
    memset(failure, 0, sizeof *failure);
    return 0;
}

int pma_auth_login(struct pma_auth *auth, const char *client, const char *pin,
                   char token[PMA_AUTH_TOKEN_BYTES])
{
    struct session fresh;
    int err = make_token(fresh.token);
    if (err != 0) {
        return err;
    }
    pthread_mutex_lock(&auth->lock);
    err = check_pin(auth, client, pin);
    if (err == 0) {
        err = make_room(auth);
    }
    if (err == 0) {
        fresh.expires_at_ns = pma_now_ns() + auth->config.token_expiry_ns;
        auth->sessions[auth->sessions_count++] = fresh;
        memcpy(token, fresh.token, sizeof fresh.token);
    }
    pthread_mutex_unlock(&auth->lock);
    return err;
}

/* Under the lock. Returns: the index, or sessions_count. */
static uint32_t find_session(const struct pma_auth *auth, const char *token)
{
    uint32_t at = 0;
    while (at < auth->sessions_count && strcmp(auth->sessions[at].token, token) != 0) {
        at++;
    }
    return at;
}

bool pma_auth_is_session(struct pma_auth *auth, const char *token,
                         uint64_t *expires_at_ns)
{
    pthread_mutex_lock(&auth->lock);
    const uint32_t at = find_session(auth, token);
    const bool open =
        at < auth->sessions_count && auth->sessions[at].expires_at_ns > pma_now_ns();
    if (open && expires_at_ns != NULL) {
        *expires_at_ns = auth->sessions[at].expires_at_ns;
    }
    pthread_mutex_unlock(&auth->lock);
    return open;
}

int pma_auth_logout(struct pma_auth *auth, const char *token)
{
    pthread_mutex_lock(&auth->lock);
    const uint32_t at = find_session(auth, token);
    const int err = at < auth->sessions_count ? 0 : -ENOENT;
    if (err == 0) {
        remove_session(auth, at);
    }
    pthread_mutex_unlock(&auth->lock);
    return err;
}

void pma_auth_sweep(struct pma_auth *auth)
{
    const uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&auth->lock);
    for (uint32_t at = auth->sessions_count; at > 0; at--) {
        if (auth->sessions[at - 1].expires_at_ns <= now_ns) {
            remove_session(auth, at - 1);
        }
    }
    if (auth->sessions_count == 0) {
        free(auth->sessions);
        auth->sessions = NULL;
        auth->sessions_capacity = 0;
    }
    for (size_t i = 0; i < FAILURES_COUNT; i++) {
        struct failure *at = &auth->failures[i];
        if (at->count > 0 && now_ns - at->last_at_ns >= LOCK_OUT_NS) {
            memset(at, 0, sizeof *at);
        }
    }
    pthread_mutex_unlock(&auth->lock);
}

void pma_auth_status_read(struct pma_auth *auth, struct pma_auth_status *status)
{
    pthread_mutex_lock(&auth->lock);
    status->pin_digits = (uint32_t)strlen(auth->pin);
    status->pin_set = status->pin_digits > 0;
    status->sessions = auth->sessions_count;
    pthread_mutex_unlock(&auth->lock);
}
