/* What is kept for clients that are away: those that named themselves
 * (/ws?client_id=NAME) and lost their connection. When such a client comes back it finds
 * its topics and its messages again.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_AWAY_H
#define PMA_HUB_AWAY_H

#include "server/hub/hub_message.h"
#include "server/hub/hub_topics.h"

#include <sys/queue.h>

#define PMA_CLIENT_ID_BYTES_MAX 64

struct pma_away_session;

/* A message that waits: on its session's list and on the list of all, both oldest first.
 */
struct pma_away_entry {
    TAILQ_ENTRY(pma_away_entry) of_session;
    TAILQ_ENTRY(pma_away_entry) of_all;
    struct pma_away_session *session;
    struct pma_message *message; /* one reference */
};
TAILQ_HEAD(pma_away_entries, pma_away_entry);

struct pma_away_session {
    struct pma_index_node node;
    TAILQ_ENTRY(pma_away_session) link;
    struct pma_away_entries entries;
    uint32_t entry_count;
    uint32_t topic_count;
    bool has_chosen;  /* as in struct pma_topic_set */
    uint64_t left_ns; /* monotonic */
    char **topics;    /* topic_count owned texts */
    char id[PMA_CLIENT_ID_BYTES_MAX + 1];
};
TAILQ_HEAD(pma_away_sessions, pma_away_session);

/* Invariant: messages <= messages_max, sessions <= sessions_max, entry_count <=
 * per_session_max; fault F10 breaks the first and the last. */
struct pma_away {
    struct pma_index by_id;
    struct pma_away_sessions sessions; /* the one that left first comes first */
    struct pma_away_entries entries;
    uint32_t messages, messages_max;
    uint32_t sessions_max;
    uint32_t per_session_max;
    uint64_t dropped; /* messages thrown away: pushed out by newer ones, or expired */
};

/* Thread-safety: all functions: under LOCK. */

/* Returns: 0; -ENOMEM. */
int pma_away_init(struct pma_away *away, uint32_t messages_max, uint32_t per_session_max,
                  uint32_t sessions_max);
void pma_away_fini(struct pma_away *away);

/* Opens a session with the topics of `set` (borrowed). The oldest session makes room.
 * session: out, borrowed until pma_away_end or the next pma_away_begin.
 * Returns: 0; -ENOMEM (nothing kept). Allocates. */
int pma_away_begin(struct pma_away *away, const char *id, const struct pma_topic_set *set,
                   uint64_t now_ns, struct pma_away_session **session);

/* Appends one more reference; the oldest of the session, or of all, makes room, counted.
 * Without memory the message itself is counted as dropped. Allocates. */
void pma_away_keep(struct pma_away *away, struct pma_away_session *session,
                   struct pma_message *message);

/* pma_away_keep for every session that wants one of the packed `topics` (see
 * pma_topic_pack) or never chose any; for all when it is NULL.
 * Cost: O(sessions x topics). */
void pma_away_keep_matching(struct pma_away *away, const char *topics,
                            struct pma_message *message);

/* The session of a client that is back, or NULL. Borrowed. */
struct pma_away_session *pma_away_find(const struct pma_away *away, const char *id);

/* Frees a session; messages that still wait in it count as dropped when `is_lost`. */
void pma_away_end(struct pma_away *away, struct pma_away_session *session, bool is_lost);

/* Drops every message that waits, counted; the sessions stay. Fault F10B does it. */
void pma_away_clear(struct pma_away *away);

/* Ends all sessions that are away for longer than timeout_ns. Returns: how many. */
uint32_t pma_away_expire(struct pma_away *away, uint64_t now_ns, uint64_t timeout_ns);

#endif
