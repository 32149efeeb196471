/* Bounded queues of clients that are away.
 *
 * Only clients that named themselves are remembered: for the others nobody could ever
 * come back for the messages. All entries hang on one list by age, so that the bound on
 * the whole drops the oldest message of all, in O(1), wherever it waits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_away.h"

#include "server/fault/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void entry_free(struct pma_away *away, struct pma_away_entry *entry)
{
    struct pma_away_session *session = entry->session;

    TAILQ_REMOVE(&session->entries, entry, of_session);
    TAILQ_REMOVE(&away->entries, entry, of_all);
    session->entry_count--;
    away->messages--;
    pma_message_release(entry->message);
    free(entry);
}

static void drop_oldest(struct pma_away *away, struct pma_away_entries *entries)
{
    /* The analyzer does not see that TAILQ_REMOVE takes the first one off. */
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    entry_free(away, TAILQ_FIRST(entries));
    away->dropped++;
}

static void session_free(struct pma_away_session *session)
{
    for (uint32_t at = 0; at < session->topic_count; at++) {
        free(session->topics[at]);
    }
    free(session->topics);
    free(session);
}

/* Copies the names, oldest subscription first. Returns: 0; -ENOMEM (session_free cleans
 * up). */
static int copy_topics(struct pma_away_session *session, const struct pma_topic_set *set)
{
    const struct pma_subscription *at = set->first;

    session->has_chosen = set->has_chosen;
    if (set->count == 0) {
        return 0;
    }
    session->topics = calloc(set->count, sizeof(*session->topics));
    if (session->topics == NULL) {
        return -ENOMEM;
    }
    session->topic_count = set->count;
    for (uint32_t left = set->count; left > 0; left--, at = at->next_of_set) {
        session->topics[left - 1] = strdup(at->topic->name);
        if (session->topics[left - 1] == NULL) {
            return -ENOMEM;
        }
    }
    return 0;
}

int pma_away_init(struct pma_away *away, uint32_t messages_max, uint32_t per_session_max,
                  uint32_t sessions_max)
{
    *away = (struct pma_away){.messages_max = messages_max,
                              .per_session_max = per_session_max,
                              .sessions_max = sessions_max};
    TAILQ_INIT(&away->sessions);
    TAILQ_INIT(&away->entries);
    return pma_index_init(&away->by_id);
}

void pma_away_fini(struct pma_away *away)
{
    while (!TAILQ_EMPTY(&away->sessions)) {
        pma_away_end(away, TAILQ_FIRST(&away->sessions), true);
    }
    pma_index_fini(&away->by_id);
}

int pma_away_begin(struct pma_away *away, const char *id, const struct pma_topic_set *set,
                   uint64_t now_ns, struct pma_away_session **session)
{
    struct pma_away_session *made = calloc(1, sizeof(*made));

    if (made == NULL || copy_topics(made, set) != 0) {
        if (made != NULL) {
            session_free(made);
        }
        return -ENOMEM;
    }
    if (away->by_id.count >= away->sessions_max) {
        pma_away_end(away, TAILQ_FIRST(&away->sessions), true);
    }
    memcpy(made->id, id, strnlen(id, PMA_CLIENT_ID_BYTES_MAX));
    made->node.name = made->id;
    made->left_ns = now_ns;
    TAILQ_INIT(&made->entries);
    TAILQ_INSERT_TAIL(&away->sessions, made, link);
    pma_index_add(&away->by_id, &made->node);
    *session = made;
    return 0;
}

/* Both limits. Fault F10 is the first implementation, whose limit counted clients. */
static void make_room(struct pma_away *away, struct pma_away_session *session)
{
    bool is_session_full = session->entry_count >= away->per_session_max;

    if ((is_session_full || away->messages >= away->messages_max) &&
        pma_fault_take(PMA_FAULT_F10)) {
        return;
    }
    if (is_session_full) {
        drop_oldest(away, &session->entries);
    }
    if (away->messages >= away->messages_max) {
        drop_oldest(away, &away->entries);
    }
}

void pma_away_keep(struct pma_away *away, struct pma_away_session *session,
                   struct pma_message *message)
{
    struct pma_away_entry *entry = malloc(sizeof(*entry));

    if (entry == NULL) {
        away->dropped++;
        return;
    }
    make_room(away, session);
    entry->session = session;
    entry->message = pma_message_retain(message);
    TAILQ_INSERT_TAIL(&session->entries, entry, of_session);
    TAILQ_INSERT_TAIL(&away->entries, entry, of_all);
    session->entry_count++;
    away->messages++;
}

static bool wants(const struct pma_away_session *session, const char *topics)
{
    if (!session->has_chosen) {
        return true;
    }
    for (uint32_t at = 0; at < session->topic_count; at++) {
        if (pma_topic_matches_any(session->topics[at], topics)) {
            return true;
        }
    }
    return false;
}

void pma_away_keep_matching(struct pma_away *away, const char *topics,
                            struct pma_message *message)
{
    struct pma_away_session *session;

    TAILQ_FOREACH(session, &away->sessions, link)
    {
        if (topics == NULL || wants(session, topics)) {
            pma_away_keep(away, session, message);
        }
    }
}

struct pma_away_session *pma_away_find(const struct pma_away *away, const char *id)
{
    return (struct pma_away_session *)pma_index_find(&away->by_id, id, strlen(id));
}

void pma_away_end(struct pma_away *away, struct pma_away_session *session, bool is_lost)
{
    away->dropped += is_lost ? session->entry_count : 0;
    while (!TAILQ_EMPTY(&session->entries)) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above. */
        entry_free(away, TAILQ_FIRST(&session->entries));
    }
    TAILQ_REMOVE(&away->sessions, session, link);
    pma_index_remove(&away->by_id, &session->node);
    session_free(session);
}

void pma_away_clear(struct pma_away *away)
{
    while (!TAILQ_EMPTY(&away->entries)) {
        drop_oldest(away, &away->entries);
    }
}

uint32_t pma_away_expire(struct pma_away *away, uint64_t now_ns, uint64_t timeout_ns)
{
    uint32_t expired = 0;

    if (pma_fault_enabled(PMA_FAULT_F10)) {
        return 0;
    }
    while (!TAILQ_EMPTY(&away->sessions) &&
           now_ns - TAILQ_FIRST(&away->sessions)->left_ns > timeout_ns) {
        pma_away_end(away, TAILQ_FIRST(&away->sessions), true);
        expired++;
    }
    return expired;
}
