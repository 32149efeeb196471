/* What of a conversation a model is shown.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CHAT_HISTORY_H
#define PMA_CHAT_HISTORY_H

#include <jansson.h>
#include <stddef.h>

/* The messages of a request: the system's text when there is one, then the newest `limit`
 * messages in their order, the new one of the user as the last of them (from 1).
 *
 * entries: borrowed; kept messages {role, content, ...}, oldest first; roles other than
 * user and assistant are passed over. system_prompt: borrowed, NULL or "" for none.
 * Answers before the first of the user's messages in the window are left out: a
 * conversation that begins with an answer is refused by some providers.
 * Returns: owned by the caller; NULL without memory. Thread-safety: pure. */
json_t *pma_chat_history(const json_t *entries, size_t limit, const char *system_prompt,
                         const char *message);

#endif
