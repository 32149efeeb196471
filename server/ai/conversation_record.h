/* A conversation as a JSON document: its fields, their types, and how it compares.
 *
 * {id, user_id, title, system_prompt?, provider, model?, temperature, max_tokens,
 *  context_data?, metadata?, message_count, last_message_at?, created_at, updated_at,
 *  archived}; times are UTC with microseconds, so they compare as texts.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONVERSATION_RECORD_H
#define PMA_CONVERSATION_RECORD_H

#include "server/ai/conversations.h"

/* A new conversation. now: RFC 3339. Returns: owned; NULL: no memory, or a field has the
 * wrong type, which *wrong says then (else it is NULL). Thread-safety: pure. */
json_t *pma_conversation_make(const char *id, const json_t *fields, const char *now,
                              const char **wrong);

/* Takes over the fields that a client may change. Returns: NULL, or what is wrong;
 * *conversation is unchanged then. Thread-safety: pure. */
const char *pma_conversation_change(json_t *conversation, const json_t *fields,
                                    const char *now);

/* Whether the filter lets it through. Thread-safety: pure. */
bool pma_conversation_fits(const json_t *conversation,
                           const struct pma_conversation_filter *filter);

/* Sorts an array of conversations as the filter says and cuts its page out of it.
 * Returns: owned; NULL without memory. Cost: O(n log n). Thread-safety: pure. */
json_t *pma_conversation_page(const json_t *all,
                              const struct pma_conversation_filter *filter);

#endif
