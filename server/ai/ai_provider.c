/* A provider behind its breaker and its limiter.
 *
 * Its lock guards figures alone and is never held across the network: the first
 * implementation held one over each health check, so a provider that was away held up
 * everybody who asked about it. Everything it remembers has a fixed size.
 *
 * What counts against the circuit: what says that the provider is in trouble (no
 * connection, 5xx, nonsense, a refused key). A request that is wrong itself, a rate limit
 * or a caller that gave up says nothing about it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_provider.h"

#include "server/ai/ai_dialect.h"
#include "server/ai/rate_window.h"
#include "server/ai/scripted.h"
#include "server/ai/transfer.h"
#include "server/base/clock.h"
#include "server/base/json_depth.h"
#include "server/metrics/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES    (PMA_AI_KEY_BYTES + 64)
#define NEWEST_SHARE    0.1
#define PAUSE_NS_MAX    (300 * PMA_S_NS) /* that a provider can ask for */
#define NO_TOKENS_GIVEN 0

struct pma_ai_provider {
    const char *name;
    const struct pma_dialect *dialect; /* NULL: scripted */
    struct pma_ai_provider_config config;
    uint64_t timeout_ns, health_interval_ns, stale_ns;
    struct pma_transfers *transfers;
    const struct pma_script *script;
    pthread_mutex_t check_turn; /* PMA_LOCK_AI_CHECK: fault F19 alone */
    pthread_mutex_t lock;       /* PMA_LOCK_AI_PROVIDER: all below */
    struct pma_breaker breaker;
    struct pma_rate_window window;
    struct pma_ai_provider_info info; /* without what is derived */
    uint64_t pause_until_ns;          /* the provider asked for it */
    bool checking;
    json_t *models; /* an array of strings, or NULL */
};

/* Bases of URLs are given in several forms; ours has neither a slash nor a version at its
 * end, because the dialects' paths begin with them. */
static void set_url(struct pma_ai_provider_config *config,
                    const struct pma_dialect *dialect)
{
    static const char *const ends[] = {"/", "/v1", "/v1beta", "/api", "/"};
    if (config->url[0] == '\0') {
        snprintf(config->url, sizeof config->url, "%s", dialect->default_url);
    }
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const size_t length = strlen(config->url);
        const size_t end_length = strlen(ends[i]);
        if (length > end_length &&
            strcmp(config->url + length - end_length, ends[i]) == 0) {
            config->url[length - end_length] = '\0';
        }
    }
}

int pma_ai_provider_new(const char *name, const struct pma_ai_config *common,
                        const struct pma_ai_provider_config *own,
                        struct pma_transfers *transfers, const struct pma_script *script,
                        struct pma_ai_provider **provider)
{
    const struct pma_dialect *dialect = pma_dialect_find(name);
    if (dialect == NULL && script == NULL) {
        return -ENOENT;
    }
    struct pma_ai_provider *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->name = name;
    fresh->dialect = dialect;
    fresh->config = *own;
    fresh->timeout_ns = common->timeout_ns;
    fresh->health_interval_ns = common->health_interval_ns;
    fresh->stale_ns = common->stale_ns;
    fresh->transfers = transfers;
    fresh->script = script;
    if (dialect != NULL) {
        set_url(&fresh->config, dialect);
    }
    pma_breaker_init(&fresh->breaker, common->breaker_threshold, common->breaker_open_ns);
    pma_rate_window_init(&fresh->window, common->rate_window_ns, own->requests_per_minute,
                         own->tokens_per_minute);
    pthread_mutex_init(&fresh->check_turn, NULL);
    pthread_mutex_init(&fresh->lock, NULL);
    *provider = fresh;
    return 0;
}

void pma_ai_provider_free(struct pma_ai_provider *provider)
{
    if (provider == NULL) {
        return;
    }
    json_decref(provider->models);
    pthread_mutex_destroy(&provider->lock);
    pthread_mutex_destroy(&provider->check_turn);
    explicit_bzero(provider->config.api_key, sizeof provider->config.api_key);
    free(provider);
}

const char *pma_ai_provider_name(const struct pma_ai_provider *provider)
{
    return provider->name;
}

uint32_t pma_ai_provider_priority(const struct pma_ai_provider *provider)
{
    return provider->config.priority;
}

static bool lacks_key(const struct pma_ai_provider *provider)
{
    return provider->dialect != NULL && provider->dialect->needs_key &&
           provider->config.api_key[0] == '\0';
}

/* Whether the text may be shown: a provider that quotes the key, or a part of it, may
 * not. */
static bool quotes_key(const struct pma_ai_provider *provider, const char *text)
{
    char beginning[9];
    snprintf(beginning, sizeof beginning, "%.8s", provider->config.api_key);
    return beginning[0] != '\0' && strstr(text, beginning) != NULL;
}

/* The provider's own words for an error: {error: {message}} or {error: "text"}. */
static const char *words_of(const struct pma_ai_provider *provider, const json_t *body)
{
    const json_t *error = json_object_get(body, "error");
    const char *words = json_is_string(error) ? json_string_value(error)
                                              : pma_dialect_text(error, "message");
    return quotes_key(provider, words) ? "" : words;
}

static enum pma_ai_error_kind kind_of_status(unsigned status)
{
    switch (status) {
    case 401:
    case 403:
        return PMA_AI_ERROR_AUTH;
    case 404:
        return PMA_AI_ERROR_NOT_FOUND;
    case 408:
        return PMA_AI_ERROR_NETWORK;
    case 429:
        return PMA_AI_ERROR_RATE_LIMIT;
    default:
        return status >= 500 ? PMA_AI_ERROR_UNAVAILABLE : PMA_AI_ERROR_MODEL;
    }
}

/* Turns a status that is not 2xx into an error. */
static int fail_by_status(const struct pma_ai_provider *provider,
                          const struct pma_transfer_reply *reply,
                          struct pma_ai_error *error)
{
    const enum pma_ai_error_kind kind = kind_of_status(reply->status);
    json_t *body =
        json_loadb(reply->body != NULL ? reply->body : "", reply->body_bytes, 0, NULL);
    /* What stands in a refusal of a key may be a piece of the key. */
    const char *words = kind == PMA_AI_ERROR_AUTH ? "" : words_of(provider, body);
    const int err =
        pma_ai_fail(error, kind, "The provider answered with status %u%s%.150s",
                    reply->status, words[0] != '\0' ? ": " : "", words);
    error->http_status = reply->status;
    error->retry_after_ns =
        reply->retry_after_ns < PAUSE_NS_MAX ? reply->retry_after_ns : PAUSE_NS_MAX;
    json_decref(body);
    return err;
}

/* One transfer. body: NULL for a GET. Returns: 0 and the parsed body of a 2xx, owned by
 * the caller; an error of pma_ai_fail. */
static int exchange(struct pma_ai_provider *provider, const char *path,
                    const json_t *body, const struct pma_ai_scope *scope, json_t **parsed,
                    struct pma_ai_error *error)
{
    char url[PMA_AI_URL_BYTES + PMA_DIALECT_PATH_BYTES];
    char key[HEADER_BYTES];
    struct pma_transfer_reply reply = {0};
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    if (body != NULL && text == NULL) {
        return pma_ai_fail(error, PMA_AI_ERROR_INTERNAL, "Out of memory");
    }
    struct pma_transfer_call call = {.url = url, .body = text, .scope = scope};
    snprintf(url, sizeof url, "%s%s", provider->config.url, path);
    call.headers[0] = provider->dialect->extra_header;
    if (provider->config.api_key[0] != '\0' && provider->dialect->key_header != NULL) {
        /* The format is the dialect's constant. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(key, sizeof key, provider->dialect->key_header,
                 provider->config.api_key);
#pragma GCC diagnostic pop
        call.headers[1] = key;
    }
    int err = pma_transfers_run(provider->transfers, &call, &reply, error);
    explicit_bzero(key, sizeof key);
    free(text);
    if (err != 0) {
        return err;
    }
    if (reply.status < 200 || reply.status > 299) {
        err = fail_by_status(provider, &reply, error);
    } else if (reply.body != NULL &&
               !pma_json_text_is_shallow(reply.body, reply.body_bytes,
                                         PMA_JSON_DEPTH_MAX)) {
        err =
            pma_ai_fail(error, PMA_AI_ERROR_PARSE,
                        "The answer is nested deeper than %d levels", PMA_JSON_DEPTH_MAX);
    } else {
        *parsed =
            json_loadb(reply.body != NULL ? reply.body : "", reply.body_bytes, 0, NULL);
        if (*parsed == NULL) {
            err = pma_ai_fail(error, PMA_AI_ERROR_PARSE, "The answer is not JSON");
        }
    }
    free(reply.body);
    return err;
}

static int chat_over_network(struct pma_ai_provider *provider,
                             const struct pma_ai_request *request,
                             const struct pma_ai_scope *scope,
                             struct pma_ai_answer *answer, struct pma_ai_error *error)
{
    char path[PMA_DIALECT_PATH_BYTES];
    const char *model =
        request->model != NULL ? request->model : provider->config.default_model;
    json_t *parsed = NULL;
    json_t *body = provider->dialect->chat_body(request, model);
    if (body == NULL) {
        return pma_ai_fail(error, PMA_AI_ERROR_INTERNAL, "Out of memory");
    }
    provider->dialect->chat_path(model, path);
    int err = exchange(provider, path, body, scope, &parsed, error);
    json_decref(body);
    if (err != 0) {
        return err;
    }
    if (provider->dialect->read_chat(parsed, answer) != 0) {
        err = pma_ai_fail(error, PMA_AI_ERROR_PARSE,
                          "The answer is not of the form that %s has", provider->name);
    } else if (answer->model[0] == '\0') {
        snprintf(answer->model, sizeof answer->model, "%s", model);
    }
    json_decref(parsed);
    return err;
}

/* Asks everything that may refuse. Returns: 0: the caller owes the outcome. */
static int admit(struct pma_ai_provider *provider, uint64_t tokens, bool *probe,
                 struct pma_ai_error *error)
{
    const uint64_t now_ns = pma_now_ns();
    uint64_t retry_after_ns = 0;
    int err = 0;
    *probe = false;
    if (lacks_key(provider)) {
        err =
            pma_ai_fail(error, PMA_AI_ERROR_AUTH,
                        "No key is configured (ai.providers.%s.api_key)", provider->name);
        error->refused = true;
        return err;
    }
    pthread_mutex_lock(&provider->lock);
    if (now_ns < provider->pause_until_ns) {
        err =
            pma_ai_fail(error, PMA_AI_ERROR_RATE_LIMIT, "The provider asked for a pause");
        error->retry_after_ns = provider->pause_until_ns - now_ns;
    } else if (!pma_breaker_admit(&provider->breaker, now_ns, probe, &retry_after_ns)) {
        err = pma_ai_fail(error, PMA_AI_ERROR_UNAVAILABLE,
                          "The circuit is open after %u failures in a row",
                          provider->breaker.failures);
        error->retry_after_ns = retry_after_ns;
    } else if (!pma_rate_window_admit(&provider->window, now_ns, tokens,
                                      &retry_after_ns)) {
        pma_breaker_give_back(&provider->breaker, *probe);
        err = pma_ai_fail(error, PMA_AI_ERROR_RATE_LIMIT,
                          "The limit of %u requests and %u tokens a minute is reached "
                          "(ai.providers.%s)",
                          provider->config.requests_per_minute,
                          provider->config.tokens_per_minute, provider->name);
        error->retry_after_ns = retry_after_ns;
    } else {
        provider->info.requests++;
        provider->info.last_used_ns = now_ns;
    }
    pthread_mutex_unlock(&provider->lock);
    error->refused = err != 0;
    return err;
}

static bool speaks_against_provider(enum pma_ai_error_kind kind)
{
    return kind == PMA_AI_ERROR_UNAVAILABLE || kind == PMA_AI_ERROR_NETWORK ||
           kind == PMA_AI_ERROR_PARSE || kind == PMA_AI_ERROR_AUTH ||
           kind == PMA_AI_ERROR_TOO_LARGE;
}

static void note_success(struct pma_ai_provider *provider, bool probe, uint64_t took_ns,
                         uint64_t tokens_estimated, const struct pma_ai_answer *answer)
{
    const uint64_t now_ns = pma_now_ns();
    const double took_ms = (double)took_ns / (double)PMA_MS_NS;
    const uint64_t tokens = answer->prompt_tokens + answer->completion_tokens;
    struct pma_ai_provider_info *info = &provider->info;
    pthread_mutex_lock(&provider->lock);
    pma_breaker_succeed(&provider->breaker, probe);
    if (tokens > tokens_estimated) {
        pma_rate_window_charge(&provider->window, now_ns, tokens - tokens_estimated);
    }
    info->average_response_ms =
        info->average_response_ms <= 0
            ? took_ms
            : info->average_response_ms * (1 - NEWEST_SHARE) + took_ms * NEWEST_SHARE;
    info->tokens += tokens;
    info->available = true;
    info->known = true;
    info->checked_at_ns = now_ns;
    pthread_mutex_unlock(&provider->lock);
}

static void note_failure(struct pma_ai_provider *provider, bool probe,
                         const struct pma_ai_error *error)
{
    const uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&provider->lock);
    if (speaks_against_provider(error->kind)) {
        pma_breaker_fail(&provider->breaker, now_ns, probe);
        provider->info.available = false;
    } else {
        pma_breaker_give_back(&provider->breaker, probe);
    }
    if (error->kind == PMA_AI_ERROR_RATE_LIMIT) {
        provider->pause_until_ns = now_ns + error->retry_after_ns;
    }
    provider->info.errors += error->kind != PMA_AI_ERROR_CANCELLED;
    provider->info.last_error = *error;
    pthread_mutex_unlock(&provider->lock);
}

int pma_ai_provider_chat(struct pma_ai_provider *provider,
                         const struct pma_ai_request *request,
                         const struct pma_ai_scope *scope, struct pma_ai_answer *answer,
                         struct pma_ai_error *error)
{
    bool probe = false;
    const uint64_t tokens = pma_ai_estimate_tokens(request->messages);
    int err = admit(provider, tokens, &probe, error);
    if (err != 0) {
        snprintf(error->provider, sizeof error->provider, "%s", provider->name);
        return err;
    }
    const uint64_t begin_ns = pma_now_ns();
    struct pma_ai_request bounded = *request;
    struct pma_ai_scope attempt = *scope;
    if (begin_ns + provider->timeout_ns < attempt.deadline_ns) {
        attempt.deadline_ns = begin_ns + provider->timeout_ns;
    }
    if (bounded.max_tokens == 0) {
        bounded.max_tokens = provider->config.max_tokens;
    }
    err = provider->dialect != NULL
              ? chat_over_network(provider, &bounded, &attempt, answer, error)
              : pma_script_chat(provider->script, &bounded, &attempt, answer, error);
    if (err == 0) {
        snprintf(answer->provider, sizeof answer->provider, "%s", provider->name);
        pma_metric_add(PMA_METRIC_LLM_TOKENS,
                       answer->prompt_tokens + answer->completion_tokens,
                       PMA_LABELS(provider->name));
        note_success(provider, probe, pma_now_ns() - begin_ns, tokens, answer);
    } else {
        snprintf(error->provider, sizeof error->provider, "%s", provider->name);
        note_failure(provider, probe, error);
    }
    pma_metric_add(PMA_METRIC_LLM_REQUESTS, 1,
                   PMA_LABELS(provider->name, err == 0 ? "true" : "false"));
    return err;
}

bool pma_ai_provider_is_stale(struct pma_ai_provider *provider, uint64_t now_ns)
{
    if (provider->dialect == NULL || lacks_key(provider)) {
        return false; /* nothing to ask */
    }
    pthread_mutex_lock(&provider->lock);
    const uint64_t checked_at_ns = provider->info.checked_at_ns;
    const bool stale =
        checked_at_ns == 0 || now_ns - checked_at_ns >= provider->health_interval_ns;
    pthread_mutex_unlock(&provider->lock);
    return stale;
}

/* The check itself. Returns: 0 and the models; an error of pma_ai_fail. */
static int ask_health(struct pma_ai_provider *provider, const struct pma_ai_scope *scope,
                      json_t **models, struct pma_ai_error *error)
{
    json_t *parsed = NULL;
    int err =
        exchange(provider, provider->dialect->models_path, NULL, scope, &parsed, error);
    if (err != 0) {
        return err;
    }
    *models = pma_dialect_read_models(provider->dialect, parsed, PMA_AI_MODELS_MAX);
    json_decref(parsed);
    return *models != NULL
               ? 0
               : pma_ai_fail(error, PMA_AI_ERROR_PARSE, "The list of models is not one");
}

/* Keeps what a check has found. models: taken, NULL after a failure. err: of the check;
 * one that was given up says nothing about the provider. */
static void keep_health(struct pma_ai_provider *provider, json_t *models, int err,
                        bool renew_stamp)
{
    json_t *old = models;
    pthread_mutex_lock(&provider->lock);
    provider->checking = false;
    provider->info.checks++;
    if (err != -ECANCELED) {
        provider->info.available = err == 0;
        provider->info.known = true;
        provider->info.checked_at_ns =
            renew_stamp ? pma_now_ns() : provider->info.checked_at_ns;
    }
    if (models != NULL) {
        old = provider->models;
        provider->models = models;
    }
    pthread_mutex_unlock(&provider->lock);
    json_decref(old);
}

int pma_ai_provider_check(struct pma_ai_provider *provider,
                          const struct pma_ai_scope *scope, struct pma_ai_error *error)
{
    json_t *models = NULL;
    if (provider->dialect == NULL) {
        return 0;
    }
    if (lacks_key(provider)) {
        return pma_ai_fail(error, PMA_AI_ERROR_AUTH,
                           "No key is configured (ai.providers.%s.api_key)",
                           provider->name);
    }
    pthread_mutex_lock(&provider->lock);
    const bool other_checks = provider->checking;
    provider->checking = true;
    pthread_mutex_unlock(&provider->lock);
    if (other_checks) {
        return -EALREADY;
    }
    const int err = ask_health(provider, scope, &models, error);
    keep_health(provider, models, err, true);
    return err;
}

void pma_ai_provider_check_in_turn(struct pma_ai_provider *provider, uint64_t timeout_ns,
                                   bool (*is_given_up)(void *arg), void *arg)
{
    struct pma_ai_error error;
    json_t *models = NULL;
    if (provider->dialect == NULL || lacks_key(provider)) {
        return;
    }
    pthread_mutex_lock(&provider->check_turn);
    const struct pma_ai_scope scope = {
        .deadline_ns = pma_now_ns() + timeout_ns, .is_given_up = is_given_up, .arg = arg};
    const int err = ask_health(provider, &scope, &models, &error);
    keep_health(provider, models, err, err == 0);
    pthread_mutex_unlock(&provider->check_turn);
}

uint32_t pma_ai_provider_sweep(struct pma_ai_provider *provider, uint64_t now_ns)
{
    struct pma_ai_provider_info *info = &provider->info;
    json_t *models = NULL;
    pthread_mutex_lock(&provider->lock);
    uint32_t forgotten = pma_rate_window_sweep(&provider->window, now_ns);
    forgotten += pma_breaker_sweep(&provider->breaker, now_ns, provider->stale_ns);
    if (provider->pause_until_ns != 0 && now_ns >= provider->pause_until_ns) {
        provider->pause_until_ns = 0;
        forgotten++;
    }
    if (info->checked_at_ns != 0 && now_ns - info->checked_at_ns >= provider->stale_ns) {
        info->checked_at_ns = 0;
        info->known = false;
        info->available = false;
        models = provider->models;
        provider->models = NULL;
        forgotten++;
    }
    pthread_mutex_unlock(&provider->lock);
    json_decref(models);
    return forgotten;
}

void pma_ai_provider_info_read(struct pma_ai_provider *provider,
                               struct pma_ai_provider_info *info)
{
    const uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&provider->lock);
    *info = provider->info;
    info->circuit = pma_breaker_state(&provider->breaker, now_ns);
    info->circuit_failures = provider->breaker.failures;
    info->circuit_openings = provider->breaker.openings;
    info->rate_refused = provider->window.refused;
    pma_rate_window_read(&provider->window, now_ns, &info->window_requests,
                         &info->window_tokens);
    pthread_mutex_unlock(&provider->lock);
    snprintf(info->name, sizeof info->name, "%s", provider->name);
    snprintf(info->default_model, sizeof info->default_model, "%s",
             provider->config.default_model);
    info->priority = provider->config.priority;
    info->has_key = provider->config.api_key[0] != '\0';
    info->needs_key = provider->dialect != NULL && provider->dialect->needs_key;
    info->requests_per_minute = provider->config.requests_per_minute;
    info->tokens_per_minute = provider->config.tokens_per_minute;
    if (provider->dialect == NULL) {
        info->available = true;
        info->known = true;
    }
}

json_t *pma_ai_provider_models(struct pma_ai_provider *provider)
{
    pthread_mutex_lock(&provider->lock);
    json_t *models = json_deep_copy(provider->models);
    pthread_mutex_unlock(&provider->lock);
    return models != NULL ? models : json_pack("[s]", provider->config.default_model);
}

int pma_ai_provider_post(struct pma_ai_provider *provider, const char *path,
                         const json_t *body, const struct pma_ai_scope *scope,
                         struct pma_ai_error *error)
{
    json_t *parsed = NULL;
    const int err = exchange(provider, path, body, scope, &parsed, error);
    json_decref(parsed);
    return err;
}
