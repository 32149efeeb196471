/* One provider: its dialect, its transfers, and everything that protects it and us:
 * circuit breaker, rate limit, statistics and what is known of its health.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AI_PROVIDER_H
#define PMA_AI_PROVIDER_H

#include "server/ai/ai_config.h"
#include "server/ai/ai_exchange.h"
#include "server/ai/circuit_breaker.h"

struct pma_ai_provider;
struct pma_script;
struct pma_transfers;

#define PMA_AI_MODELS_MAX 64

/* What is known of a provider at one moment. */
struct pma_ai_provider_info {
    char name[PMA_AI_NAME_BYTES];
    char default_model[PMA_AI_MODEL_BYTES];
    uint32_t priority;
    bool has_key, needs_key;
    bool available; /* by the last check; the scripted one always is */
    bool known;     /* a check has been made */
    uint64_t checked_at_ns, last_used_ns; /* CLOCK_MONOTONIC, 0: never */
    uint64_t requests, errors, tokens;
    uint64_t checks;            /* health checks made, over the network */
    double average_response_ms; /* of successes; the newest counts a tenth */
    enum pma_circuit circuit;
    uint32_t circuit_failures;
    uint64_t circuit_openings;
    uint64_t window_requests, window_tokens, rate_refused;
    uint32_t requests_per_minute, tokens_per_minute;
    struct pma_ai_error last_error; /* kind NONE: none yet */
};

/* name: "scripted" or that of a dialect, borrowed for ever. common, own: copied.
 * transfers, script: borrowed; the script for "scripted" alone. Returns: 0; -ENOENT: no
 * such dialect; -ENOMEM. Thread-safety: any thread. Allocates. */
int pma_ai_provider_new(const char *name, const struct pma_ai_config *common,
                        const struct pma_ai_provider_config *own,
                        struct pma_transfers *transfers, const struct pma_script *script,
                        struct pma_ai_provider **provider);

/* Frees it; NULL is allowed. Thread-safety: owner thread, when nobody uses it. */
void pma_ai_provider_free(struct pma_ai_provider *provider);

/* Borrowed, constant. Thread-safety: pure. */
const char *pma_ai_provider_name(const struct pma_ai_provider *provider);
uint32_t pma_ai_provider_priority(const struct pma_ai_provider *provider);

/* One attempt, within the provider's time-out and the scope. Counted; refused at once
 * when the circuit is open (UNAVAILABLE), the rate limit is reached or the provider asked
 * for a pause (RATE_LIMIT) or a key is missing (AUTH). Returns: 0, *answer owned by the
 * caller; an error of pma_ai_fail. Thread-safety: any thread, without a lock across the
 * network. */
int pma_ai_provider_chat(struct pma_ai_provider *provider,
                         const struct pma_ai_request *request,
                         const struct pma_ai_scope *scope, struct pma_ai_answer *answer,
                         struct pma_ai_error *error);

/* Whether what is known of the health is older than health_interval_ns. */
bool pma_ai_provider_is_stale(struct pma_ai_provider *provider, uint64_t now_ns);

/* Asks the provider for its models, and so whether it is there. Only one check runs at a
 * time: with another on its way it returns at once with -EALREADY. The stamp is renewed
 * on failure as well. Returns: 0; -EALREADY; an error of pma_ai_fail.
 * Thread-safety: any thread, without a lock across the network. */
int pma_ai_provider_check(struct pma_ai_provider *provider,
                          const struct pma_ai_scope *scope, struct pma_ai_error *error);

/* The check as it was: everybody makes one, one after the other, and what fails leaves
 * the stamp as old as it was (fault F19). Holds a lock over the network. timeout_ns: of
 * the check, from when it is its turn. is_given_up, arg: as in struct pma_ai_scope. */
void pma_ai_provider_check_in_turn(struct pma_ai_provider *provider, uint64_t timeout_ns,
                                   bool (*is_given_up)(void *arg), void *arg);

/* Forgets what is stale: failures, figures of the window, the availability of a provider
 * that nobody has used or checked. Returns: how many things. Thread-safety: any thread.
 */
uint32_t pma_ai_provider_sweep(struct pma_ai_provider *provider, uint64_t now_ns);

/* Fills *info. Thread-safety: any thread. */
void pma_ai_provider_info_read(struct pma_ai_provider *provider,
                               struct pma_ai_provider_info *info);

/* The models that the last check found, an array of strings; without a check the default
 * model alone. Owned by the caller. Thread-safety: any thread. */
json_t *pma_ai_provider_models(struct pma_ai_provider *provider);

/* POSTs a body to a path of the provider, for what is not a chat (installing a model).
 * Returns: 0 when the provider answered 2xx; an error of pma_ai_fail.
 * Thread-safety: any thread. */
int pma_ai_provider_post(struct pma_ai_provider *provider, const char *path,
                         const json_t *body, const struct pma_ai_scope *scope,
                         struct pma_ai_error *error);

#endif
