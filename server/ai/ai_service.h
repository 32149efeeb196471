/* The AI service as a whole: providers, conversations, tools, installations, and the
 * worker that keeps them in order.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AI_SERVICE_H
#define PMA_AI_SERVICE_H

#include "server/ai/ai_manager.h"
#include "server/ai/chat_loop.h"
#include "server/ai/conversations.h"
#include "server/ai/model_installs.h"
#include "server/ai/transfer.h"

struct pma_ai;
struct pma_store;

/* What it does over the network for nobody in particular. */
struct pma_ai_info {
    uint64_t chats, chats_failed;
    uint64_t tool_rounds;
    uint64_t clean_ups, forgotten;
    uint64_t checks_running; /* threads of fault F19 */
};

/* Starts it. config: copied. store: borrowed. Returns: 0; a negative errno, said in why[]
 * when the errno does not say it. Thread-safety: owner thread. Allocates. */
int pma_ai_start(const struct pma_ai_config *config, struct pma_store *store,
                 struct pma_ai **ai, char *why, size_t why_bytes);

/* Tools for chats from now on; NULL for none. host: borrowed until the service is freed.
 * Thread-safety: owner thread, before the first chat. */
void pma_ai_set_tool_host(struct pma_ai *ai, const struct pma_tool_host *host);

/* A chat within ai.total_timeout. chat: its tools and max_rounds are set by the service
 * (use_tools: whether any are offered). is_given_up, arg: as in struct pma_ai_scope.
 * Returns: as pma_chat_run. Thread-safety: any thread. */
int pma_ai_chat(struct pma_ai *ai, struct pma_chat *chat, bool use_tools,
                const struct pma_ai_scope *caller, struct pma_chat_outcome *outcome,
                struct pma_ai_error *error);

/* To be called before somebody is told whether providers are available: makes the worker
 * look after those whose figures are stale, and does not wait for it. (Fault F19: starts
 * a thread for each.) Thread-safety: any thread. */
void pma_ai_want_health(struct pma_ai *ai);

/* Fault F20: asks every provider while the manager's lock is held. Returns at once when
 * the fault is off. Thread-safety: any thread. */
void pma_ai_check_under_lock(struct pma_ai *ai);

/* Changes {default_provider, fallback_enabled, max_retries, fallback_delay}, of which any
 * may be missing, and keeps them in the store for the next start. Returns: 0; -EINVAL:
 * *wrong says what, nothing is changed; an error of the store: changed, and not kept.
 * Thread-safety: any thread. */
int pma_ai_change_settings(struct pma_ai *ai, const json_t *changes, const char **wrong);

/* Queues the installation of a model. id: out. Returns: 0; -EOPNOTSUPP: the provider
 * cannot install or is not enabled, and the record says so; as pma_installs_add.
 * Thread-safety: any thread. */
int pma_ai_install(struct pma_ai *ai, const char *provider, const char *model,
                   char id[PMA_INSTALL_ID_BYTES]);

/* Cleans up: stale figures, old conversations, ended installations. Thread-safety: any
 * thread. Cost: O(conversations). */
void pma_ai_sweep(struct pma_ai *ai);

/* Takes nothing new and gives what runs grace_ns to end; then its transfers are cut.
 * Thread-safety: any thread. */
void pma_ai_shut(struct pma_ai *ai, uint64_t grace_ns);

/* Joins its threads; NULL is allowed. No handler may be in it any more. Returns: as
 * pma_worker_stop; may be called again. Thread-safety: owner thread. */
int pma_ai_stop(struct pma_ai *ai, uint64_t timeout_ns);

/* Frees a stopped service; NULL is allowed. Thread-safety: owner thread. */
void pma_ai_free(struct pma_ai *ai);

/* Its parts, borrowed while it lives. Thread-safety: pure. */
struct pma_ai_manager *pma_ai_manager_of(struct pma_ai *ai);
struct pma_conversations *pma_ai_conversations(struct pma_ai *ai);
struct pma_installs *pma_ai_installs(struct pma_ai *ai);
struct pma_transfers *pma_ai_transfers(struct pma_ai *ai);
const struct pma_ai_config *pma_ai_config_of(const struct pma_ai *ai);

void pma_ai_info_read(struct pma_ai *ai, struct pma_ai_info *info);

/* Fault F19 by itself: one question about availability. arg: struct pma_ai. */
void pma_ai_commit_check(void *arg);

#endif
