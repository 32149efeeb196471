/* The providers together: which is asked first, who stands in for it, and how often it is
 * tried again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AI_MANAGER_H
#define PMA_AI_MANAGER_H

#include "server/ai/ai_provider.h"

#define PMA_AI_PROVIDERS_MAX 5

struct pma_ai_manager;

/* What may be changed while the server runs. */
struct pma_ai_settings {
    bool fallback_enabled;
    char default_provider[PMA_AI_NAME_BYTES]; /* a provider's name or "auto" */
    uint32_t max_retries;
    uint64_t fallback_delay_ns;
};

/* Makes the enabled providers. config: copied. transfers: borrowed. Returns: 0; -ENOMEM;
 * -EINVAL or -errno: the script cannot be read, said in why[]. Thread-safety: any thread.
 * Allocates. */
int pma_ai_manager_new(const struct pma_ai_config *config,
                       struct pma_transfers *transfers, struct pma_ai_manager **manager,
                       char *why, size_t why_bytes);

/* NULL is allowed. Thread-safety: owner thread, when nobody uses it. */
void pma_ai_manager_free(struct pma_ai_manager *manager);

/* Asks a provider for a chat; see the .c for the order. preferred: a provider's name,
 * NULL, "" or "auto" for the default one. Waits between rounds, within the scope.
 * Returns: 0, *answer owned by the caller; an error of pma_ai_fail: that of the last
 * provider asked, NOT_FOUND when there is no such provider, UNAVAILABLE when there is
 * none at all. Thread-safety: any thread. */
int pma_ai_manager_chat(struct pma_ai_manager *manager, const char *preferred,
                        const struct pma_ai_request *request,
                        const struct pma_ai_scope *scope, struct pma_ai_answer *answer,
                        struct pma_ai_error *error);

/* From now on nobody waits for another round. Thread-safety: any thread. */
void pma_ai_manager_shut(struct pma_ai_manager *manager);

/* The providers in the order of their priority. Returns: how many; borrowed while the
 * manager lives. Thread-safety: any thread. */
size_t pma_ai_manager_providers(const struct pma_ai_manager *manager,
                                struct pma_ai_provider *const **providers);

/* Returns: NULL when there is none of that name; borrowed. Thread-safety: any thread. */
struct pma_ai_provider *pma_ai_manager_find(const struct pma_ai_manager *manager,
                                            const char *name);

void pma_ai_manager_settings_read(struct pma_ai_manager *manager,
                                  struct pma_ai_settings *settings);

/* Returns: 0; -ENOENT: default_provider is no provider's name; nothing is changed then.
 * Thread-safety: any thread. */
int pma_ai_manager_settings_set(struct pma_ai_manager *manager,
                                const struct pma_ai_settings *settings);

/* Holds the lock that settings are read under; for fault F20 alone, which has it held
 * across the network. */
void pma_ai_manager_lock(struct pma_ai_manager *manager);
void pma_ai_manager_unlock(struct pma_ai_manager *manager);

#endif
