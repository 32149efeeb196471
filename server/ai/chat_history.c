/* The newest N, chronological, each once.
 *
 * (The first implementation gave the oldest 20, reversed, and the new message twice.)
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/chat_history.h"

#include "server/ai/ai_dialect.h"

#include <stdbool.h>
#include <string.h>

static bool is_spoken(const json_t *entry)
{
    const char *role = pma_dialect_text(entry, "role");
    return strcmp(role, "user") == 0 || strcmp(role, "assistant") == 0;
}

static int add(json_t *messages, const char *role, const char *content)
{
    return json_array_append_new(
        messages, json_pack("{s:s, s:s}", "role", role, "content", content));
}

/* Index of the first of the newest `limit` spoken entries. */
static size_t find_first(const json_t *entries, size_t limit)
{
    size_t first = json_array_size(entries);
    size_t taken = 0;
    for (size_t i = first; i-- > 0 && taken < limit;) {
        if (is_spoken(json_array_get(entries, i))) {
            taken++;
            first = i;
        }
    }
    return first;
}

json_t *pma_chat_history(const json_t *entries, size_t limit, const char *system_prompt,
                         const char *message)
{
    json_t *messages = json_array();
    int err = messages == NULL;
    bool user_spoke = false;
    if (system_prompt != NULL && system_prompt[0] != '\0') {
        err |= add(messages, "system", system_prompt);
    }
    for (size_t i = find_first(entries, limit > 0 ? limit - 1 : 0);
         i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *role = pma_dialect_text(entry, "role");
        user_spoke |= strcmp(role, "user") == 0;
        if (is_spoken(entry) && user_spoke) {
            err |= add(messages, role, pma_dialect_text(entry, "content"));
        }
    }
    err |= add(messages, "user", message);
    if (err != 0) {
        json_decref(messages);
        return NULL;
    }
    return messages;
}
