/* Topic index of the hub.
 *
 * A publication looks up its own name and every wildcard that could cover it ("a:*" and
 * "*" for "a:b"): one hash look-up per colon, instead of comparing with every wildcard
 * there is. A client that matches more than once is recognised by the number of the
 * publication kept in its set.
 *
 * I1  A topic node exists exactly while it has a subscriber. Names are chosen by clients,
 * so an index that kept empty nodes would grow with every name ever used. Fault F11
 * breaks I1.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_topics.h"

#include "server/fault/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct pma_topic *find(const struct pma_topics *topics, const char *name,
                              size_t name_bytes)
{
    return (struct pma_topic *)pma_index_find(&topics->by_name, name, name_bytes);
}

static struct pma_topic *topic_new(struct pma_topics *topics, const char *name)
{
    size_t name_bytes = strlen(name) + 1;
    struct pma_topic *topic = malloc(sizeof(*topic) + name_bytes);

    if (topic == NULL) {
        return NULL;
    }
    *topic = (struct pma_topic){.node.name = topic->name};
    memcpy(topic->name, name, name_bytes);
    pma_index_add(&topics->by_name, &topic->node);
    return topic;
}

static void topic_free(struct pma_topics *topics, struct pma_topic *topic)
{
    pma_index_remove(&topics->by_name, &topic->node);
    free(topic);
}

/* The link that points to the set's subscription to `name`, or the NULL at the list's
 * end. */
static struct pma_subscription **link_of(struct pma_topic_set *set, const char *name)
{
    struct pma_subscription **link = &set->first;

    while (*link != NULL && strcmp((*link)->topic->name, name) != 0) {
        link = &(*link)->next_of_set;
    }
    return link;
}

/* Takes the subscription behind `link` off both lists and frees it. */
static void unlink_subscription(struct pma_topics *topics, struct pma_subscription **link)
{
    struct pma_subscription *gone = *link;
    struct pma_topic *topic = gone->topic;

    *link = gone->next_of_set;
    gone->set->count--;
    if (gone->previous_of_topic != NULL) {
        gone->previous_of_topic->next_of_topic = gone->next_of_topic;
    } else {
        topic->first = gone->next_of_topic;
    }
    if (gone->next_of_topic != NULL) {
        gone->next_of_topic->previous_of_topic = gone->previous_of_topic;
    }
    free(gone);
    topics->subscriptions--;
    topic->subscribers--;
    if (topic->subscribers == 0 && !pma_fault_take(PMA_FAULT_F11)) {
        topic_free(topics, topic);
    }
}

static void visit_topic(struct pma_topics *topics, const struct pma_topic *topic,
                        void (*visit)(struct pma_topic_set *set, void *context),
                        void *context)
{
    const struct pma_subscription *at = topic != NULL ? topic->first : NULL;

    for (; at != NULL; at = at->next_of_topic) {
        if (at->set->last_publication != topics->publication) {
            at->set->last_publication = topics->publication;
            visit(at->set, context);
        }
    }
}

int pma_topics_init(struct pma_topics *topics)
{
    *topics = (struct pma_topics){0};
    return pma_index_init(&topics->by_name);
}

void pma_topics_fini(struct pma_topics *topics)
{
    pma_index_fini(&topics->by_name);
}

int pma_topics_subscribe(struct pma_topics *topics, struct pma_topic_set *set,
                         const char *name)
{
    struct pma_subscription *made;
    struct pma_topic *topic;

    if (!pma_topic_is_valid(name)) {
        return -EINVAL;
    }
    if (*link_of(set, name) != NULL) {
        return 0;
    }
    if (set->count >= PMA_TOPICS_PER_CLIENT_MAX) {
        return -ENOSPC;
    }
    made = malloc(sizeof(*made));
    if (made == NULL) {
        return -ENOMEM;
    }
    topic = find(topics, name, strlen(name));
    if (topic == NULL) {
        topic = topic_new(topics, name);
    }
    if (topic == NULL) {
        free(made);
        return -ENOMEM;
    }
    *made = (struct pma_subscription){.topic = topic,
                                      .set = set,
                                      .next_of_topic = topic->first,
                                      .next_of_set = set->first};
    if (topic->first != NULL) {
        topic->first->previous_of_topic = made;
    }
    topic->first = made;
    topic->subscribers++;
    set->first = made;
    set->count++;
    set->has_chosen = true;
    topics->subscriptions++;
    return 0;
}

bool pma_topics_unsubscribe(struct pma_topics *topics, struct pma_topic_set *set,
                            const char *name)
{
    struct pma_subscription **link = link_of(set, name);

    if (*link == NULL) {
        return false;
    }
    unlink_subscription(topics, link);
    return true;
}

void pma_topics_forget(struct pma_topics *topics, struct pma_topic_set *set)
{
    while (set->first != NULL) {
        unlink_subscription(topics, &set->first);
    }
}

char *pma_topic_pack(const char *const *names, size_t names_count)
{
    size_t bytes = 1;
    char *packed;
    char *end;

    for (size_t at = 0; at < names_count; at++) {
        bytes += strlen(names[at]) + 1;
    }
    packed = malloc(bytes);
    if (packed == NULL) {
        return NULL;
    }
    end = packed;
    for (size_t at = 0; at < names_count; at++) {
        if (pma_topic_is_valid(names[at]) && strchr(names[at], '*') == NULL) {
            end = stpcpy(end, names[at]) + 1;
        }
    }
    *end = '\0';
    return packed;
}

/* All sets that want one name, its wildcards but "*" included. */
static void match_name(struct pma_topics *topics, const char *name,
                       void (*visit)(struct pma_topic_set *set, void *context),
                       void *context)
{
    char wildcard[PMA_TOPIC_BYTES_MAX + 2];
    size_t name_bytes = strlen(name);

    visit_topic(topics, find(topics, name, name_bytes), visit, context);
    for (size_t at = 0; at < name_bytes && at < PMA_TOPIC_BYTES_MAX; at++) {
        wildcard[at] = name[at];
        if (name[at] == ':') {
            wildcard[at + 1] = '*';
            visit_topic(topics, find(topics, wildcard, at + 2), visit, context);
        }
    }
}

void pma_topics_match(struct pma_topics *topics, const char *names,
                      void (*visit)(struct pma_topic_set *set, void *context),
                      void *context)
{
    topics->publication++;
    visit_topic(topics, find(topics, "*", 1), visit, context);
    for (; *names != '\0'; names += strlen(names) + 1) {
        match_name(topics, names, visit, context);
    }
}

bool pma_topic_is_valid(const char *name)
{
    size_t name_bytes = strnlen(name, PMA_TOPIC_BYTES_MAX + 1);

    if (name_bytes == 0 || name_bytes > PMA_TOPIC_BYTES_MAX) {
        return false;
    }
    for (size_t at = 0; at < name_bytes; at++) {
        unsigned char byte = (unsigned char)name[at];

        if (byte < ' ' || byte == 0x7f) {
            return false;
        }
        if (byte == '*' && (at + 1 != name_bytes || (at > 0 && name[at - 1] != ':'))) {
            return false;
        }
    }
    return true;
}

bool pma_topic_matches(const char *pattern, const char *name)
{
    size_t pattern_bytes = strlen(pattern);

    if (pattern_bytes > 0 && pattern[pattern_bytes - 1] == '*') {
        return strncmp(pattern, name, pattern_bytes - 1) == 0;
    }
    return strcmp(pattern, name) == 0;
}

bool pma_topic_matches_any(const char *pattern, const char *names)
{
    if (strcmp(pattern, "*") == 0) {
        return true;
    }
    for (; *names != '\0'; names += strlen(names) + 1) {
        if (pma_topic_matches(pattern, names)) {
            return true;
        }
    }
    return false;
}

bool pma_topics_is_valid(const struct pma_topics *topics)
{
    const struct pma_index_node *node = NULL;
    uint64_t subscriptions = 0;

    while ((node = pma_index_next(&topics->by_name, node)) != NULL) {
        const struct pma_topic *topic = (const struct pma_topic *)node;
        const struct pma_subscription *at = topic->first;
        uint32_t subscribers = 0;

        for (; at != NULL; at = at->next_of_topic) {
            if (at->topic != topic || (at->next_of_topic != NULL &&
                                       at->next_of_topic->previous_of_topic != at)) {
                return false;
            }
            subscribers++;
        }
        if (subscribers != topic->subscribers) {
            return false;
        }
        subscriptions += subscribers;
    }
    return subscriptions == topics->subscriptions && pma_index_is_valid(&topics->by_name);
}
