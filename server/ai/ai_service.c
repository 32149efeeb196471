/* Life of the service, and its worker.
 *
 * One worker looks after health and clean-up. A question about availability is answered
 * from what is known; when that is stale, the worker is woken, once, however many ask.
 * (In the first implementation each question made its own check, so a provider that was
 * away collected a thread per request.) A second worker installs models, which takes
 * minutes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_service.h"

#include "seep/seep.h"
#include "server/ai/check_storm.h"
#include "server/base/clock.h"
#include "server/config/config_value.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/store/store.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS_ID "ai"
#define RETRIES_MAX 20

struct pma_ai {
    struct pma_ai_config config;
    struct pma_store *store;
    struct pma_transfers *transfers;
    struct pma_ai_manager *manager;
    struct pma_conversations *conversations;
    struct pma_installs *installs;
    struct pma_check_storm *storm;
    const struct pma_tool_host *tools; /* NULL: none; constant once requests come */
    struct pma_worker *upkeep;
    struct pma_worker *installer;
    _Atomic bool shut;           /* stored once, orders nothing */
    _Atomic uint64_t shut_at_ns; /* when its grace is over; likewise */
    /* Statistics: relaxed, they order nothing. */
    _Atomic uint64_t chats, chats_failed, tool_rounds, clean_ups, forgotten;
};

static bool is_shut(void *arg)
{
    const struct pma_ai *ai = arg;
    return atomic_load_explicit(&ai->shut, memory_order_relaxed);
}

static void check_stale(struct pma_ai *ai)
{
    struct pma_ai_provider *const *providers = NULL;
    const size_t count = pma_ai_manager_providers(ai->manager, &providers);
    for (size_t i = 0; i < count && !is_shut(ai); i++) {
        struct pma_ai_error error;
        const uint64_t now_ns = pma_now_ns();
        if (!pma_ai_provider_is_stale(providers[i], now_ns)) {
            continue;
        }
        const struct pma_ai_scope scope = {.deadline_ns =
                                               now_ns + ai->config.health_timeout_ns,
                                           .is_given_up = is_shut,
                                           .arg = ai};
        const int err = pma_ai_provider_check(providers[i], &scope, &error);
        if (err != 0 && err != -EALREADY && err != -ECANCELED) {
            pma_log(PMA_LOG_DEBUG, "Provider is not available",
                    pma_str("provider", pma_ai_provider_name(providers[i])),
                    pma_str("error", error.text));
        }
    }
}

static void run_upkeep(void *arg, struct pma_cancel *cancel)
{
    struct pma_ai *ai = arg;
    const uint64_t health_ns = ai->config.health_interval_ns;
    const uint64_t cleanup_ns = ai->config.cleanup_interval_ns;
    uint64_t cleanup_due_ns = pma_now_ns() + cleanup_ns;
    do {
        if (!pma_fault_enabled(PMA_FAULT_F19)) {
            check_stale(ai);
        }
        if (pma_now_ns() >= cleanup_due_ns) {
            pma_ai_sweep(ai);
            cleanup_due_ns +=
                ((pma_now_ns() - cleanup_due_ns) / cleanup_ns + 1) * cleanup_ns;
        }
        pma_check_storm_reap(ai->storm);
    } while (!pma_cancel_wait(cancel, health_ns < cleanup_ns ? health_ns : cleanup_ns));
}

static void install_one(struct pma_ai *ai, const struct pma_install *install)
{
    struct pma_ai_error error;
    struct pma_ai_provider *provider =
        pma_ai_manager_find(ai->manager, install->provider);
    json_t *body = json_pack("{s:s, s:b}", "model", install->model, "stream", 0);
    const struct pma_ai_scope scope = {.deadline_ns =
                                           pma_now_ns() + ai->config.install_timeout_ns,
                                       .is_given_up = is_shut,
                                       .arg = ai};
    const int err = pma_ai_provider_post(provider, "/api/pull", body, &scope, &error);
    json_decref(body);
    pma_installs_end(ai->installs, install->id, err == 0 ? NULL : error.text);
    pma_log(err == 0 ? PMA_LOG_INFO : PMA_LOG_WARN, "Installation of a model ended",
            pma_str("provider", install->provider), pma_str("model", install->model),
            pma_str("error", err == 0 ? NULL : error.text));
}

static void run_installer(void *arg, struct pma_cancel *cancel)
{
    struct pma_ai *ai = arg;
    do {
        struct pma_install install;
        while (!is_shut(ai) && pma_installs_take(ai->installs, &install)) {
            install_one(ai, &install);
        }
    } while (!pma_cancel_wait(cancel, UINT64_MAX));
}

/* What a failed start has made so far is freed by the caller. */
static int make_parts(struct pma_ai *ai, struct pma_store *store, char *why,
                      size_t why_bytes)
{
    const struct pma_transfers_config transfers = {
        .max_transfers = ai->config.max_transfers,
        .max_response_bytes = ai->config.max_response_bytes,
        .connect_timeout_ns = ai->config.connect_timeout_ns,
    };
    const struct pma_conversations_config conversations = {
        .max_conversations = ai->config.max_conversations,
        .max_messages = ai->config.max_messages,
        .retention_ns = ai->config.retention_ns,
    };
    int err = pma_transfers_start(&transfers, &ai->transfers);
    if (err == 0) {
        err =
            pma_ai_manager_new(&ai->config, ai->transfers, &ai->manager, why, why_bytes);
    }
    if (err == 0) {
        err = pma_conversations_open(&conversations, store, &ai->conversations);
    }
    if (err == 0) {
        err = pma_installs_new(ai->config.max_downloads, &ai->installs);
    }
    if (err == 0) {
        err = pma_check_storm_new(ai->config.health_timeout_ns, &ai->storm);
    }
    return err;
}

/* Reads what is given over *settings. Returns: NULL, or what is wrong. */
static const char *read_settings(const json_t *changes, struct pma_ai_settings *settings)
{
    const json_t *provider = json_object_get(changes, "default_provider");
    const json_t *fallback = json_object_get(changes, "fallback_enabled");
    const json_t *retries = json_object_get(changes, "max_retries");
    const json_t *delay = json_object_get(changes, "fallback_delay");
    if (provider != NULL) {
        if (!json_is_string(provider) ||
            json_string_length(provider) >= sizeof settings->default_provider) {
            return "default_provider must be a provider's name or \"auto\"";
        }
        snprintf(settings->default_provider, sizeof settings->default_provider, "%s",
                 json_string_value(provider));
    }
    if (fallback != NULL) {
        if (!json_is_boolean(fallback)) {
            return "fallback_enabled must be true or false";
        }
        settings->fallback_enabled = json_is_true(fallback);
    }
    if (retries != NULL) {
        if (!json_is_integer(retries) || json_integer_value(retries) < 0 ||
            json_integer_value(retries) > RETRIES_MAX) {
            return "max_retries must be a whole number from 0 to 20";
        }
        settings->max_retries = (uint32_t)json_integer_value(retries);
    }
    if (delay != NULL && (!json_is_string(delay) ||
                          pma_parse_duration(json_string_value(delay),
                                             &settings->fallback_delay_ns) != 0 ||
                          settings->fallback_delay_ns > 60 * PMA_S_NS)) {
        return "fallback_delay must be a duration up to 60s, such as \"250ms\"";
    }
    return NULL;
}

/* What PUT ai/settings has changed before the last stop; a provider that is no longer
 * enabled is no reason not to start. */
static void restore_settings(struct pma_ai *ai)
{
    json_t *kept = NULL;
    struct pma_ai_settings settings;
    pma_ai_manager_settings_read(ai->manager, &settings);
    if (pma_store_get(ai->store, PMA_COLLECTION_SETTINGS, SETTINGS_ID, &kept) != 0) {
        return;
    }
    const char *wrong = read_settings(kept, &settings);
    if (wrong == NULL && pma_ai_manager_settings_set(ai->manager, &settings) != 0) {
        wrong = "the default provider is not enabled";
    }
    if (wrong != NULL) {
        pma_log(PMA_LOG_WARN, "Kept AI settings are not used", pma_str("error", wrong));
    }
    json_decref(kept);
}

static int start_workers(struct pma_ai *ai)
{
    const struct pma_worker_spec upkeep = {
        .name = "ai-upkeep", .subsystem = "ai", .run = run_upkeep, .arg = ai};
    const struct pma_worker_spec installer = {
        .name = "ai-installer", .subsystem = "ai", .run = run_installer, .arg = ai};
    const int err = pma_worker_start(&upkeep, &ai->upkeep);
    if (err != 0 || pma_ai_manager_find(ai->manager, "ollama") == NULL) {
        return err; /* nobody else can install */
    }
    return pma_worker_start(&installer, &ai->installer);
}

int pma_ai_start(const struct pma_ai_config *config, struct pma_store *store,
                 struct pma_ai **ai, char *why, size_t why_bytes)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_ai *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->store = store;
    int err = make_parts(fresh, store, why, why_bytes);
    if (err == 0) {
        restore_settings(fresh);
        err = start_workers(fresh);
    }
    if (err != 0) {
        pma_ai_stop(fresh, UINT64_MAX);
        pma_ai_free(fresh);
        return err;
    }
    *ai = fresh;
    return 0;
}

void pma_ai_set_tool_host(struct pma_ai *ai, const struct pma_tool_host *host)
{
    ai->tools = host;
}

static int chat_by_manager(void *arg, const char *preferred,
                           const struct pma_ai_request *request,
                           const struct pma_ai_scope *scope, struct pma_ai_answer *answer,
                           struct pma_ai_error *error)
{
    return pma_ai_manager_chat(arg, preferred, request, scope, answer, error);
}

/* Whoever asked, and the service itself, which stops. */
struct caller {
    struct pma_ai *ai;
    const struct pma_ai_scope *scope;
};

/* When the service is shut its transfers may still end within their grace; what does not
 * go over the network has no transfer that could be cut. */
static bool is_caller_gone(void *arg)
{
    const struct caller *caller = arg;
    const uint64_t shut_at_ns =
        atomic_load_explicit(&caller->ai->shut_at_ns, memory_order_relaxed);
    return (shut_at_ns != 0 && pma_now_ns() >= shut_at_ns) ||
           (caller->scope->is_given_up != NULL &&
            caller->scope->is_given_up(caller->scope->arg));
}

int pma_ai_chat(struct pma_ai *ai, struct pma_chat *chat, bool use_tools,
                const struct pma_ai_scope *caller, struct pma_chat_outcome *outcome,
                struct pma_ai_error *error)
{
    SEEP_SUBSYSTEM("ai");
    const struct pma_chat_model model = {.chat = chat_by_manager, .arg = ai->manager};
    struct caller whole = {.ai = ai, .scope = caller};
    struct pma_ai_scope scope = {
        .deadline_ns = caller->deadline_ns, .is_given_up = is_caller_gone, .arg = &whole};
    const uint64_t deadline_ns = pma_now_ns() + ai->config.total_timeout_ns;
    if (scope.deadline_ns == 0 || deadline_ns < scope.deadline_ns) {
        scope.deadline_ns = deadline_ns;
    }
    chat->tools = use_tools ? ai->tools : NULL;
    chat->max_rounds = ai->config.max_tool_rounds;
    atomic_fetch_add_explicit(&ai->chats, 1, memory_order_relaxed);
    (void)seep_mark("chat exchange");
    pma_ai_want_health(ai);
    const int err = pma_chat_run(&model, chat, &scope, outcome, error);
    if (err != 0) {
        atomic_fetch_add_explicit(&ai->chats_failed, 1, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&ai->tool_rounds, outcome->rounds,
                                  memory_order_relaxed);
    }
    return err;
}

/* Fault F19: a check for each stale provider. Returns: whether the fault is on. */
static bool storm(struct pma_ai *ai)
{
    struct pma_ai_provider *const *providers = NULL;
    const size_t count = pma_ai_manager_providers(ai->manager, &providers);
    if (!pma_fault_enabled(PMA_FAULT_F19)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (pma_ai_provider_is_stale(providers[i], pma_now_ns()) &&
            pma_fault_take(PMA_FAULT_F19)) {
            pma_check_storm_add(ai->storm, providers[i]);
        }
    }
    return true;
}

void pma_ai_want_health(struct pma_ai *ai)
{
    struct pma_ai_provider *const *providers = NULL;
    const size_t count = pma_ai_manager_providers(ai->manager, &providers);
    if (storm(ai)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (pma_ai_provider_is_stale(providers[i], pma_now_ns())) {
            pma_worker_wake(ai->upkeep);
            return;
        }
    }
}

void pma_ai_commit_check(void *arg)
{
    storm(arg);
}

void pma_ai_check_under_lock(struct pma_ai *ai)
{
    struct pma_ai_provider *const *providers = NULL;
    const size_t count = pma_ai_manager_providers(ai->manager, &providers);
    if (!pma_fault_take(PMA_FAULT_F20)) {
        return;
    }
    pma_ai_manager_lock(ai->manager);
    for (size_t i = 0; i < count; i++) {
        pma_ai_provider_check_in_turn(providers[i], ai->config.health_timeout_ns, is_shut,
                                      ai);
    }
    pma_ai_manager_unlock(ai->manager);
}

int pma_ai_change_settings(struct pma_ai *ai, const json_t *changes, const char **wrong)
{
    char delay[40];
    struct pma_ai_settings settings;
    pma_ai_manager_settings_read(ai->manager, &settings);
    *wrong = read_settings(changes, &settings);
    if (*wrong == NULL && pma_ai_manager_settings_set(ai->manager, &settings) != 0) {
        *wrong = "default_provider must be a provider's name or \"auto\"";
    }
    if (*wrong != NULL) {
        return -EINVAL;
    }
    snprintf(delay, sizeof delay, "%" PRIu64 "ns", settings.fallback_delay_ns);
    json_t *kept =
        json_pack("{s:s, s:b, s:I, s:s}", "default_provider", settings.default_provider,
                  "fallback_enabled", (int)settings.fallback_enabled, "max_retries",
                  (json_int_t)settings.max_retries, "fallback_delay", delay);
    const int err = pma_store_put(ai->store, PMA_COLLECTION_SETTINGS, SETTINGS_ID, kept);
    json_decref(kept);
    return err;
}

int pma_ai_install(struct pma_ai *ai, const char *provider, const char *model,
                   char id[PMA_INSTALL_ID_BYTES])
{
    const int err = pma_installs_add(ai->installs, provider, model, id);
    if (err != 0) {
        return err;
    }
    if (strcmp(provider, "ollama") != 0 || ai->installer == NULL) {
        pma_installs_end(ai->installs, id,
                         strcmp(provider, "ollama") != 0
                             ? "Only ollama can install models"
                             : "ollama is not enabled (ai.providers.ollama.enabled)");
        return -EOPNOTSUPP;
    }
    pma_worker_wake(ai->installer);
    return 0;
}

void pma_ai_sweep(struct pma_ai *ai)
{
    SEEP_SUBSYSTEM("ai");
    struct pma_ai_provider *const *providers = NULL;
    const size_t count = pma_ai_manager_providers(ai->manager, &providers);
    const uint64_t now_ns = pma_now_ns();
    uint64_t forgotten = 0;
    for (size_t i = 0; i < count; i++) {
        forgotten += pma_ai_provider_sweep(providers[i], now_ns);
    }
    forgotten += pma_installs_sweep(ai->installs, now_ns, ai->config.stale_ns);
    forgotten += pma_conversations_expire(ai->conversations, 0);
    atomic_fetch_add_explicit(&ai->clean_ups, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&ai->forgotten, forgotten, memory_order_relaxed);
    if (forgotten > 0) {
        pma_log(PMA_LOG_DEBUG, "AI clean-up", pma_u64("forgotten", forgotten));
    }
}

void pma_ai_shut(struct pma_ai *ai, uint64_t grace_ns)
{
    uint64_t not_yet = 0;
    atomic_compare_exchange_strong_explicit(&ai->shut_at_ns, &not_yet,
                                            pma_now_ns() + grace_ns, memory_order_relaxed,
                                            memory_order_relaxed);
    atomic_store_explicit(&ai->shut, true, memory_order_relaxed);
    if (ai->transfers != NULL) {
        pma_transfers_shut(ai->transfers, grace_ns);
    }
    if (ai->manager != NULL) {
        pma_ai_manager_shut(ai->manager);
    }
    if (ai->storm != NULL) {
        pma_check_storm_shut(ai->storm);
    }
}

int pma_ai_stop(struct pma_ai *ai, uint64_t timeout_ns)
{
    if (ai == NULL) {
        return 0;
    }
    pma_ai_shut(ai, 0);
    int err = pma_worker_stop(ai->upkeep, timeout_ns);
    if (err != 0) {
        return err;
    }
    ai->upkeep = NULL;
    err = pma_worker_stop(ai->installer, timeout_ns);
    if (err != 0) {
        return err;
    }
    ai->installer = NULL;
    err = pma_check_storm_stop(ai->storm, timeout_ns);
    if (err != 0) {
        return err;
    }
    ai->storm = NULL;
    err = pma_transfers_stop(ai->transfers, timeout_ns);
    if (err == 0) {
        ai->transfers = NULL;
    }
    return err;
}

void pma_ai_free(struct pma_ai *ai)
{
    if (ai == NULL) {
        return;
    }
    pma_installs_free(ai->installs);
    pma_conversations_close(ai->conversations);
    pma_ai_manager_free(ai->manager);
    explicit_bzero(&ai->config, sizeof ai->config);
    free(ai);
}

struct pma_ai_manager *pma_ai_manager_of(struct pma_ai *ai)
{
    return ai->manager;
}

struct pma_conversations *pma_ai_conversations(struct pma_ai *ai)
{
    return ai->conversations;
}

struct pma_installs *pma_ai_installs(struct pma_ai *ai)
{
    return ai->installs;
}

struct pma_transfers *pma_ai_transfers(struct pma_ai *ai)
{
    return ai->transfers;
}

const struct pma_ai_config *pma_ai_config_of(const struct pma_ai *ai)
{
    return &ai->config;
}

void pma_ai_info_read(struct pma_ai *ai, struct pma_ai_info *info)
{
    info->chats = atomic_load_explicit(&ai->chats, memory_order_relaxed);
    info->chats_failed = atomic_load_explicit(&ai->chats_failed, memory_order_relaxed);
    info->tool_rounds = atomic_load_explicit(&ai->tool_rounds, memory_order_relaxed);
    info->clean_ups = atomic_load_explicit(&ai->clean_ups, memory_order_relaxed);
    info->forgotten = atomic_load_explicit(&ai->forgotten, memory_order_relaxed);
    info->checks_running = pma_check_storm_reap(ai->storm);
}
