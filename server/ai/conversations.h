/* Conversations and their messages, kept in the store.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_CONVERSATIONS_H
#define PMA_CONVERSATIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PMA_CONVERSATION_ID_BYTES 37 /* of a UUID, with the final NUL */

struct pma_conversations;
struct pma_store;

struct pma_conversations_config {
    uint32_t max_conversations; /* one more removes the one untouched for longest */
    uint32_t max_messages;      /* kept of each; the oldest go */
    uint64_t retention_ns;      /* untouched for longer: removed by the clean-up */
};

struct pma_conversation_filter {
    int archived;         /* 0: no, 1: yes, -1: both */
    const char *provider; /* borrowed; NULL: any */
    const char *search;   /* borrowed; a part of the title, in any case; NULL: any */
    const char *order_by; /* borrowed; created_at, updated_at or title */
    bool ascending;
    size_t limit, offset;
};

struct pma_conversations_info {
    uint64_t conversations;       /* kept now */
    uint64_t messages;            /* kept now */
    uint64_t messages_over_limit; /* of them, those beyond max_messages: fault F22 */
    uint64_t created, removed, evicted, expired; /* since the start */
    uint64_t messages_added, messages_trimmed;   /* since the start */
    uint64_t tokens;                             /* since the start */
    uint64_t clean_ups;
    uint32_t max_conversations, max_messages;
};

/* Counts what the store has. store: borrowed. Returns: 0; -ENOMEM; as pma_store_each.
 * Thread-safety: any thread. Allocates. */
int pma_conversations_open(const struct pma_conversations_config *config,
                           struct pma_store *store,
                           struct pma_conversations **conversations);

/* NULL is allowed; what is kept stays in the store. Thread-safety: owner thread. */
void pma_conversations_close(struct pma_conversations *conversations);

/* All that follow: any thread, take PMA_LOCK_CONVERSATIONS, held across the store's I/O.
 * Errors of the store are passed on: -ENOSPC, -EMSGSIZE, -EIO, ... */

/* Makes a conversation. id: NULL for a new UUID, or one that the client chose. fields:
 * borrowed; title, system_prompt, provider, model, temperature, max_tokens, context_data,
 * metadata are taken from it, others are ignored. conversation: out, owned by the caller.
 * Returns: 0; -EEXIST; -EINVAL: a field is of the wrong type, *wrong says which. */
int pma_conversations_create(struct pma_conversations *conversations, const char *id,
                             const json_t *fields, json_t **conversation,
                             const char **wrong);

/* Returns: 0 and a copy, owned by the caller; -ENOENT. */
int pma_conversations_get(struct pma_conversations *conversations, const char *id,
                          json_t **conversation);

/* Changes the fields that are given, and archived. Returns: 0 and the new state; -ENOENT;
 * -EINVAL as create. */
int pma_conversations_update(struct pma_conversations *conversations, const char *id,
                             const json_t *fields, json_t **conversation,
                             const char **wrong);

/* Removes a conversation and its messages. Returns: 0; -ENOENT. */
int pma_conversations_remove(struct pma_conversations *conversations, const char *id);

/* list: out, an array, owned by the caller. Cost: O(all conversations). */
int pma_conversations_list(struct pma_conversations *conversations,
                           const struct pma_conversation_filter *filter, json_t **list);

/* The newest `limit` messages before the newest `offset`, oldest first; owned by the
 * caller. Returns: 0; -ENOENT. */
int pma_conversations_messages(struct pma_conversations *conversations, const char *id,
                               size_t limit, size_t offset, json_t **messages);

/* Adds a user's message and its answer {role, content, tokens_used?, ...}: both get an
 * id, the conversation's id and a time. A store that fails in between keeps the message
 * without its answer. Returns: 0; -ENOENT: the conversation was removed meanwhile. */
int pma_conversations_add(struct pma_conversations *conversations, const char *id,
                          json_t *message, json_t *answer);

/* Removes conversations that were not touched for age_ns; 0: for the configured time.
 * Does nothing while fault F22 is on. Returns: how many. Cost: O(all conversations). */
uint64_t pma_conversations_expire(struct pma_conversations *conversations,
                                  uint64_t age_ns);

/* Fault F22 by itself: one exchange in a conversation that nobody trims. arg: struct
 * pma_conversations. */
void pma_conversations_commit_unbounded(void *arg);

void pma_conversations_info_read(struct pma_conversations *conversations,
                                 struct pma_conversations_info *info);

/* Writes a random UUID. Thread-safety: any thread. */
void pma_conversation_new_id(char id[PMA_CONVERSATION_ID_BYTES]);

#endif
