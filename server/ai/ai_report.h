/* The AI service as JSON, and its figures for the truth about resources. No key is in it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AI_REPORT_H
#define PMA_AI_REPORT_H

#include "server/ai/ai_service.h"
#include "server/fault/resources.h"

/* All: owned by the caller; NULL without memory. Thread-safety: any thread. */

/* {providers: [...], count}. */
json_t *pma_ai_providers_json(struct pma_ai *ai);

/* {providers: {name: ...}, primary_provider, fallback_enabled, total_providers, ...}. */
json_t *pma_ai_statistics_json(struct pma_ai *ai);

/* [{id, name, provider, size, status, description, tags}]. */
json_t *pma_ai_models_json(struct pma_ai *ai);

json_t *pma_ai_settings_json(struct pma_ai *ai);

/* {total_conversations, total_messages, ...}. */
json_t *pma_conversations_statistics_json(struct pma_ai *ai);

/* An answer as the API has it: {id, message, finish_reason, tokens_used, model, provider,
 * processing_time_ms, tool_executions, metadata, created_at, response}. */
json_t *pma_chat_outcome_json(const struct pma_chat_outcome *outcome, uint64_t took_ns);

/* For pma_resource_add; arg: struct pma_ai. */
void pma_ai_figures_read(void *arg, struct pma_figures *figures);

#endif
