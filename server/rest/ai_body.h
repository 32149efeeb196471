/* Bodies of the AI's requests, and errors of the AI as replies.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AI_BODY_H
#define PMA_AI_BODY_H

#include "server/ai/ai_service.h"
#include "server/rest/exchange.h"

/* Reads {messages | message | prompt, model, max_tokens, temperature, top_p, stop,
 * system_prompt, context, provider} into *chat, which borrows from body. messages: out,
 * owned by the caller, also on error. Returns: NULL, or what is wrong with the body.
 * Thread-safety: pure. Allocates. */
const char *pma_ai_body_read(const json_t *body, struct pma_chat *chat,
                             json_t **messages);

/* The service, or NULL: the reply is a 503 then. */
struct pma_ai *pma_ai_of_request(const struct pma_request *request,
                                 struct pma_reply *reply);

/* A failed chat as a reply: what, which provider, whether and when to try again. */
void pma_ai_reply_error(struct pma_reply *reply, const struct pma_request *request,
                        const struct pma_ai_error *error);

/* The scope of a handler that was put off (server/rest/later.h). */
struct pma_ai_scope pma_ai_scope_of(struct pma_request *request);

#endif
