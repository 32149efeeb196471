/* A chat with tools: asks the model, runs the tools that it asks for, and asks again with
 * their results, a bounded number of times.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CHAT_LOOP_H
#define PMA_CHAT_LOOP_H

#include "server/ai/ai_exchange.h"
#include "server/ai/tool_host.h"

/* Of one answer of the model; more are answered with an error. */
#define PMA_CHAT_CALLS_MAX 8

/* Who answers: the manager, or a test. */
struct pma_chat_model {
    int (*chat)(void *arg, const char *preferred, const struct pma_ai_request *request,
                const struct pma_ai_scope *scope, struct pma_ai_answer *answer,
                struct pma_ai_error *error);
    void *arg; /* borrowed */
};

struct pma_chat {
    const char *preferred;             /* borrowed; a provider's name, or NULL */
    struct pma_ai_request request;     /* without tools */
    const char *conversation_id;       /* borrowed; NULL outside of one */
    const struct pma_tool_host *tools; /* borrowed; NULL: none */
    uint32_t max_rounds;               /* answers whose tool calls are carried out */
};

struct pma_chat_outcome {
    struct pma_ai_answer answer; /* the last; its tokens are those of all rounds */
    json_t *executions; /* owned; [{tool_name, parameters, success, result | error,
                           execution_time_ms}] */
    uint32_t rounds;    /* in which tools were called */
};

/* Runs the chat. When the model still asks for tools after max_rounds, it is asked a last
 * time without them. The second and later questions go to the provider that asked for the
 * tool. Returns: 0, *outcome to be released by the caller; an error of pma_ai_fail,
 * *outcome is empty then: tools that were called meanwhile have had their effect all the
 * same. Thread-safety: any thread. Allocates. */
int pma_chat_run(const struct pma_chat_model *model, const struct pma_chat *chat,
                 const struct pma_ai_scope *scope, struct pma_chat_outcome *outcome,
                 struct pma_ai_error *error);

/* Releases what the outcome owns. Thread-safety: pure. */
void pma_chat_outcome_fini(struct pma_chat_outcome *outcome);

#endif
