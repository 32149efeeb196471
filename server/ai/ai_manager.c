/* The chain of providers.
 *
 * Order: the preferred provider, or the default one; then, when fallback is enabled, the
 * others by ascending priority. A round asks each of them once. After a failure that may
 * pass, the provider is asked again in the next round, up to max_retries rounds, with a
 * wait that doubles; after one that will not (no key, no such model, a wrong request) it
 * is left out of the later rounds. When nobody is left, the error that is told is that of
 * the first provider asked: it is the one that was meant.
 *
 * (The first implementation tried a named provider alone and replaced an empty name by
 * the default one, so that its fallback never ran.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_manager.h"

#include "server/ai/scripted.h"
#include "server/base/backoff.h"
#include "server/base/clock.h"
#include "server/log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LOOK_NS (50 * PMA_MS_NS)

struct pma_ai_manager {
    struct pma_ai_config config;
    struct pma_script *script;
    struct pma_ai_provider *providers[PMA_AI_PROVIDERS_MAX]; /* by priority; constant */
    size_t providers_count;
    pthread_mutex_t lock; /* PMA_LOCK_AI_MANAGER: settings, shut */
    pthread_cond_t changed;
    struct pma_ai_settings settings;
    bool shut;
};

/* One chat on its way through the providers. */
struct chain {
    struct pma_ai_provider *order[PMA_AI_PROVIDERS_MAX];
    bool left_out[PMA_AI_PROVIDERS_MAX];
    uint64_t retry_after_ns[PMA_AI_PROVIDERS_MAX]; /* as told in the last round */
    uint64_t fallback_delay_ns;
    struct pma_ai_error first_error; /* of order[0], the newest */
    size_t count;
};

static int add_provider(struct pma_ai_manager *manager, const char *name,
                        const struct pma_ai_provider_config *own,
                        struct pma_transfers *transfers)
{
    struct pma_ai_provider *fresh = NULL;
    if (!own->enabled) {
        return 0;
    }
    const struct pma_script *script =
        own == &manager->config.scripted ? manager->script : NULL;
    const int err =
        pma_ai_provider_new(name, &manager->config, own, transfers, script, &fresh);
    if (err != 0) {
        return err;
    }
    size_t at = manager->providers_count++;
    while (at > 0 &&
           pma_ai_provider_priority(manager->providers[at - 1]) > own->priority) {
        manager->providers[at] = manager->providers[at - 1];
        at--;
    }
    manager->providers[at] = fresh;
    return 0;
}

static int add_providers(struct pma_ai_manager *manager, struct pma_transfers *transfers)
{
    const struct pma_ai_config *config = &manager->config;
    const struct {
        const char *name;
        const struct pma_ai_provider_config *own;
    } all[PMA_AI_PROVIDERS_MAX] = {
        {"scripted", &config->scripted}, {"openai", &config->openai},
        {"ollama", &config->ollama},     {"claude", &config->claude},
        {"gemini", &config->gemini},
    };
    for (size_t i = 0; i < PMA_AI_PROVIDERS_MAX; i++) {
        const int err = add_provider(manager, all[i].name, all[i].own, transfers);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int make_locks(struct pma_ai_manager *manager)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0) {
        return -ENOMEM;
    }
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&manager->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&manager->lock, NULL);
    return 0;
}

int pma_ai_manager_new(const struct pma_ai_config *config,
                       struct pma_transfers *transfers, struct pma_ai_manager **manager,
                       char *why, size_t why_bytes)
{
    struct pma_ai_manager *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL || make_locks(fresh) != 0) {
        free(fresh);
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->settings = (struct pma_ai_settings){
        .fallback_enabled = config->fallback_enabled,
        .max_retries = config->max_retries,
        .fallback_delay_ns = config->fallback_delay_ns,
    };
    memcpy(fresh->settings.default_provider, config->default_provider,
           sizeof fresh->settings.default_provider);
    int err = pma_script_open(config->script, &fresh->script, why, why_bytes);
    if (err == 0) {
        err = add_providers(fresh, transfers);
    }
    if (err == 0 && strcmp(config->default_provider, "auto") != 0 &&
        pma_ai_manager_find(fresh, config->default_provider) == NULL) {
        snprintf(why, why_bytes, "ai.default_provider: %s is not enabled",
                 config->default_provider);
        err = -EINVAL;
    }
    if (err != 0) {
        pma_ai_manager_free(fresh);
        return err;
    }
    *manager = fresh;
    return 0;
}

void pma_ai_manager_free(struct pma_ai_manager *manager)
{
    if (manager == NULL) {
        return;
    }
    for (size_t i = 0; i < manager->providers_count; i++) {
        pma_ai_provider_free(manager->providers[i]);
    }
    pma_script_close(manager->script);
    pthread_cond_destroy(&manager->changed);
    pthread_mutex_destroy(&manager->lock);
    explicit_bzero(&manager->config, sizeof manager->config);
    free(manager);
}

size_t pma_ai_manager_providers(const struct pma_ai_manager *manager,
                                struct pma_ai_provider *const **providers)
{
    *providers = manager->providers;
    return manager->providers_count;
}

struct pma_ai_provider *pma_ai_manager_find(const struct pma_ai_manager *manager,
                                            const char *name)
{
    for (size_t i = 0; i < manager->providers_count; i++) {
        if (strcmp(pma_ai_provider_name(manager->providers[i]), name) == 0) {
            return manager->providers[i];
        }
    }
    return NULL;
}

static bool is_named(const char *name)
{
    return name != NULL && name[0] != '\0' && strcmp(name, "auto") != 0;
}

/* Returns: 0; an error of pma_ai_fail. */
static int lay_chain(const struct pma_ai_manager *manager, const char *preferred,
                     const struct pma_ai_settings *settings, struct chain *chain,
                     struct pma_ai_error *error)
{
    const char *first = is_named(preferred) ? preferred : settings->default_provider;
    *chain = (struct chain){.fallback_delay_ns = settings->fallback_delay_ns};
    if (is_named(first)) {
        chain->order[0] = pma_ai_manager_find(manager, first);
        if (chain->order[0] == NULL) {
            return pma_ai_fail(error, PMA_AI_ERROR_NOT_FOUND,
                               "There is no provider \"%.40s\"; GET /api/v1/ai/providers "
                               "lists them",
                               first);
        }
        chain->count = 1;
    }
    for (size_t i = 0; i < manager->providers_count; i++) {
        const bool wanted = chain->count == 0 || settings->fallback_enabled;
        if (wanted && manager->providers[i] != chain->order[0]) {
            chain->order[chain->count++] = manager->providers[i];
        }
    }
    if (chain->count == 0) {
        return pma_ai_fail(error, PMA_AI_ERROR_UNAVAILABLE,
                           "No provider is enabled (section ai of the configuration)");
    }
    return 0;
}

/* Waits, unless the scope is over or the manager shut. Returns: whether the wait came to
 * its end. */
static bool pause_for(struct pma_ai_manager *manager, uint64_t ns,
                      const struct pma_ai_scope *scope)
{
    const uint64_t until_ns = pma_now_ns() + ns;
    uint64_t now_ns = pma_now_ns();
    pthread_mutex_lock(&manager->lock);
    while (now_ns < until_ns && !manager->shut) {
        const uint64_t left_ns = until_ns - now_ns;
        const struct timespec at =
            pma_monotonic_after(left_ns < LOOK_NS ? left_ns : LOOK_NS);
        pthread_cond_timedwait(&manager->changed, &manager->lock, &at);
        pthread_mutex_unlock(&manager->lock);
        now_ns = pma_now_ns();
        const bool over = pma_ai_scope_is_over(scope, now_ns);
        pthread_mutex_lock(&manager->lock);
        if (over) {
            break;
        }
    }
    const bool whole = now_ns >= until_ns && !manager->shut;
    pthread_mutex_unlock(&manager->lock);
    return whole;
}

/* Asks each provider of the chain once. Returns: 0; the error of the last one; *again:
 * whether a later round may help. */
static int run_round(struct pma_ai_manager *manager, struct chain *chain,
                     const struct pma_ai_request *request,
                     const struct pma_ai_scope *scope, struct pma_ai_answer *answer,
                     struct pma_ai_error *error)
{
    int err = -EHOSTDOWN;
    bool asked_before = false;
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->left_out[i]) {
            continue;
        }
        if (asked_before && !pause_for(manager, chain->fallback_delay_ns, scope)) {
            return err;
        }
        /* A model's name belongs to the provider that was meant; others use their own. */
        struct pma_ai_request own = *request;
        own.model = i == 0 ? request->model : NULL;
        err = pma_ai_provider_chat(chain->order[i], &own, scope, answer, error);
        if (err == 0 || err == -ECANCELED) {
            return err;
        }
        asked_before = true;
        chain->left_out[i] = !error->retryable;
        chain->retry_after_ns[i] = error->retry_after_ns;
        if (i == 0) {
            chain->first_error = *error;
        }
        pma_log(error->refused ? PMA_LOG_DEBUG : PMA_LOG_WARN, "Provider failed",
                pma_str("provider", error->provider),
                pma_str("type", pma_ai_error_name(error->kind)),
                pma_str("error", error->text), pma_bool("retryable", error->retryable));
    }
    return err;
}

/* How long to wait before the next round: the back-off, or as long as the first provider
 * that is left wants to be left alone. Returns: UINT64_MAX: another round does not help.
 */
static uint64_t wait_before_round(const struct pma_ai_manager *manager,
                                  const struct chain *chain, uint32_t round)
{
    const uint64_t most_ns = manager->config.retry_delay_max_ns;
    uint64_t soonest_ns = UINT64_MAX;
    uint32_t random = 0;
    for (size_t i = 0; i < chain->count; i++) {
        if (!chain->left_out[i] && chain->retry_after_ns[i] < soonest_ns) {
            soonest_ns = chain->retry_after_ns[i];
        }
    }
    if (soonest_ns > most_ns) {
        return UINT64_MAX;
    }
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random) {
        random = UINT32_MAX / 2;
    }
    const uint64_t backoff_ns =
        pma_backoff_ns(manager->config.retry_delay_ns, most_ns, round, random);
    return backoff_ns > soonest_ns ? backoff_ns : soonest_ns;
}

int pma_ai_manager_chat(struct pma_ai_manager *manager, const char *preferred,
                        const struct pma_ai_request *request,
                        const struct pma_ai_scope *scope, struct pma_ai_answer *answer,
                        struct pma_ai_error *error)
{
    struct chain chain;
    struct pma_ai_settings settings;
    pma_ai_manager_settings_read(manager, &settings);
    int err = lay_chain(manager, preferred, &settings, &chain, error);
    if (err != 0) {
        return err;
    }
    for (uint32_t round = 0;; round++) {
        err = run_round(manager, &chain, request, scope, answer, error);
        if (err == 0 || err == -ECANCELED) {
            return err;
        }
        if (round == settings.max_retries) {
            break;
        }
        const uint64_t wait_ns = wait_before_round(manager, &chain, round);
        const uint64_t now_ns = pma_now_ns();
        /* Nobody is served by a wait that ends after the caller has left. */
        if (now_ns >= scope->deadline_ns || wait_ns >= scope->deadline_ns - now_ns ||
            !pause_for(manager, wait_ns, scope)) {
            break;
        }
    }
    if (chain.first_error.kind != PMA_AI_ERROR_NONE) {
        *error = chain.first_error;
    }
    return err;
}

void pma_ai_manager_shut(struct pma_ai_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    manager->shut = true;
    pthread_cond_broadcast(&manager->changed);
    pthread_mutex_unlock(&manager->lock);
}

void pma_ai_manager_settings_read(struct pma_ai_manager *manager,
                                  struct pma_ai_settings *settings)
{
    pthread_mutex_lock(&manager->lock);
    *settings = manager->settings;
    pthread_mutex_unlock(&manager->lock);
}

int pma_ai_manager_settings_set(struct pma_ai_manager *manager,
                                const struct pma_ai_settings *settings)
{
    if (is_named(settings->default_provider) &&
        pma_ai_manager_find(manager, settings->default_provider) == NULL) {
        return -ENOENT;
    }
    pthread_mutex_lock(&manager->lock);
    manager->settings = *settings;
    pthread_mutex_unlock(&manager->lock);
    return 0;
}

void pma_ai_manager_lock(struct pma_ai_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
}

void pma_ai_manager_unlock(struct pma_ai_manager *manager)
{
    pthread_mutex_unlock(&manager->lock);
}
