/* Who wants which topic.
 *
 * A topic is a text such as "entity:light.kitchen" or "homeassistant". A subscription may
 * also be a wildcard: "*", or any prefix that ends in ":*" ("entity:*").
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_TOPICS_H
#define PMA_HUB_TOPICS_H

#include "server/hub/hub_index.h"

#define PMA_TOPIC_BYTES_MAX       128
#define PMA_TOPICS_PER_CLIENT_MAX 128

/* The index: topic -> subscriptions. A topic exists from its first subscriber to its
 * last. */
struct pma_topics {
    struct pma_index by_name; /* struct pma_topic */
    uint64_t subscriptions;   /* over all topics */
    uint64_t publication;     /* number of the last match, to visit each set once */
};

struct pma_topic {
    struct pma_index_node node;
    struct pma_subscription *first;
    uint32_t subscribers;
    char name[];
};

/* The topics of one client; zero-initialised it is empty. Must not move while it is not.
 */
struct pma_topic_set {
    struct pma_subscription *first; /* newest first */
    uint32_t count;
    bool has_chosen; /* had a subscription once; else its client wants everything */
    uint64_t last_publication;
};

/* One client's wish for one topic: on the topic's list and on the client's. */
struct pma_subscription {
    struct pma_topic *topic;
    struct pma_topic_set *set;
    struct pma_subscription *previous_of_topic, *next_of_topic;
    struct pma_subscription *next_of_set;
};

/* Thread-safety: all functions but the pure ones: under LOCK. */

/* Returns: 0; -ENOMEM. */
int pma_topics_init(struct pma_topics *topics);
void pma_topics_fini(struct pma_topics *topics);

/* Adds a subscription. name: borrowed, a topic or a wildcard.
 * Returns: 0, also when it existed; -EINVAL for a name that pma_topic_is_valid refuses;
 * -ENOSPC beyond PMA_TOPICS_PER_CLIENT_MAX; -ENOMEM. Nothing has changed on error.
 * Allocates. */
int pma_topics_subscribe(struct pma_topics *topics, struct pma_topic_set *set,
                         const char *name);

/* Ends a subscription. Returns: whether there was one. */
bool pma_topics_unsubscribe(struct pma_topics *topics, struct pma_topic_set *set,
                            const char *name);

/* Ends all subscriptions of a client that goes. */
void pma_topics_forget(struct pma_topics *topics, struct pma_topic_set *set);

/* Packs names into one block for pma_topics_match: one after the other with their NULs,
 * the end marked by an empty one. Names that are no topics are left out.
 * Returns: owned by the caller, free(3); NULL without memory. Thread-safety: pure.
 * Allocates. */
char *pma_topic_pack(const char *const *names, size_t names_count);

/* Calls `visit` once for each set with a subscription that matches one of the packed
 * `names`; visit may not change subscriptions. Cost: O(matching subscriptions + colons in
 * the names). */
void pma_topics_match(struct pma_topics *topics, const char *names,
                      void (*visit)(struct pma_topic_set *set, void *context),
                      void *context);

/* Whether `name` may be subscribed to: 1..PMA_TOPIC_BYTES_MAX bytes, no control
 * characters, '*' only alone or as the end after ':'. Thread-safety: pure. */
bool pma_topic_is_valid(const char *name);

/* Whether a subscription to `pattern` gets what is published on `name`. Thread-safety:
 * pure. */
bool pma_topic_matches(const char *pattern, const char *name);

/* Whether a subscription to `pattern` gets what is published on one of the packed
 * `names`. Thread-safety: pure. */
bool pma_topic_matches_any(const char *pattern, const char *names);

/* The lists agree with the counts. */
bool pma_topics_is_valid(const struct pma_topics *topics);

#endif
