/* Filters of a WebSocket client over REST: events, rooms and entities that it wants.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub.h"
#include "server/hub/hub_topics.h"
#include "server/rest/app.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A list of names in the body, and the prefix that makes a topic of a name. */
struct filter {
    const char *member;
    const char *shown; /* its key in GET subscriptions */
    const char *prefix;
};

static const struct filter filters[] = {
    {"event_types", "event_subscriptions", "ha_events:"},
    {"entity_ids", "entity_filters", "entity:"},
    {"room_ids", "room_filters", "room:"},
};

#define FILTERS_COUNT (sizeof filters / sizeof filters[0])

/* The topics that a body means. */
struct wish {
    size_t count;
    const char *topics[PMA_TOPICS_PER_CLIENT_MAX]; /* into texts */
    char texts[PMA_TOPICS_PER_CLIENT_MAX][PMA_TOPIC_BYTES_MAX + 2];
};

/* Returns: NULL, or what is wrong. */
static const char *add_name(struct wish *wish, const char *prefix, const json_t *name)
{
    if (wish->count == PMA_TOPICS_PER_CLIENT_MAX) {
        return "A client may have 128 topics";
    }
    char *text = wish->texts[wish->count];
    if (json_is_string(name)) {
        snprintf(text, sizeof wish->texts[0], "%s%s", prefix, json_string_value(name));
    } else if (json_is_integer(name)) {
        snprintf(text, sizeof wish->texts[0], "%s%" JSON_INTEGER_FORMAT, prefix,
                 json_integer_value(name));
    } else {
        return "Names are texts or whole numbers";
    }
    if (strlen(text) == strlen(prefix) || !pma_topic_is_valid(text)) {
        return "A name has 1 to 117 bytes of text, '*' alone or at its end after ':'";
    }
    wish->topics[wish->count++] = text;
    return NULL;
}

/* Returns: NULL, or what is wrong. */
static const char *read_wish(const json_t *body, struct wish *wish)
{
    wish->count = 0;
    for (size_t i = 0; i < FILTERS_COUNT; i++) {
        const json_t *names = json_object_get(body, filters[i].member);
        if (names != NULL && !json_is_array(names)) {
            return "event_types, room_ids and entity_ids are arrays";
        }
        for (size_t at = 0; at < json_array_size(names); at++) {
            const char *wrong =
                add_name(wish, filters[i].prefix, json_array_get(names, at));
            if (wrong != NULL) {
                return wrong;
            }
        }
    }
    return wish->count > 0 ? NULL : "One of event_types, room_ids, entity_ids is needed";
}

/* The client's topics by kind of filter; NULL without memory. topics: borrowed. */
static json_t *sort_topics(const json_t *topics)
{
    json_t *sorted = json_object();
    for (size_t i = 0; i < FILTERS_COUNT; i++) {
        const size_t prefix_bytes = strlen(filters[i].prefix);
        json_t *names = json_array();
        for (size_t at = json_array_size(topics); at-- > 0;) { /* oldest first */
            const char *topic = json_string_value(json_array_get(topics, at));
            if (strncmp(topic, filters[i].prefix, prefix_bytes) == 0) {
                json_array_append_new(names, json_string(topic + prefix_bytes));
            }
        }
        json_object_set_new(sorted, filters[i].shown, names);
    }
    return sorted;
}

/* The client of the query; NULL: the reply is a 400. */
static const char *client_of(const struct pma_request *request, struct pma_reply *reply)
{
    const char *client_id = request->argument(request, "client_id");
    if (client_id == NULL || client_id[0] == '\0') {
        pma_reply_error(reply, request, 400, "client_id is required in the query");
        return NULL;
    }
    return client_id;
}

static void reply_trouble(const struct pma_request *request, struct pma_reply *reply,
                          int err, const char *client_id)
{
    if (err == -ENOENT) {
        pma_reply_error(reply, request, 404, "No client \"%.64s\" is connected",
                        client_id);
    } else if (err == -ENOSPC) {
        pma_reply_error(reply, request, 409,
                        "A client may have 128 topics; those before the limit hold");
    } else {
        pma_reply_error(reply, request, 503, "Out of memory");
    }
}

/* Either of the two POSTs. */
static void change(const struct pma_request *request, struct pma_reply *reply,
                   int (*apply)(struct pma_hub *hub, const char *client_id,
                                const char *const *topics, size_t topics_count),
                   const char *done)
{
    struct wish wish;
    json_t *topics = NULL;
    const char *client_id = client_of(request, reply);
    json_t *body = client_id != NULL ? pma_request_json(request, reply) : NULL;
    if (body == NULL) {
        return;
    }
    const char *wrong = read_wish(body, &wish);
    json_decref(body);
    if (wrong != NULL) {
        pma_reply_error(reply, request, 400, "%s", wrong);
        return;
    }
    struct pma_hub *hub = request->app->hub;
    int err = apply(hub, client_id, wish.topics, wish.count);
    if (err == 0) {
        err = pma_hub_subscriptions_json(hub, client_id, &topics);
    }
    if (err != 0) {
        reply_trouble(request, reply, err, client_id);
        return;
    }
    pma_reply_flat(reply, json_pack("{s:o, s:s}", "subscriptions", sort_topics(topics),
                                    "message", done));
    json_decref(topics);
}

void pma_handle_websocket_ha_subscribe(struct pma_request *request,
                                       struct pma_reply *reply)
{
    change(request, reply, pma_hub_subscribe, "Subscribed");
}

void pma_handle_websocket_ha_unsubscribe(struct pma_request *request,
                                         struct pma_reply *reply)
{
    change(request, reply, pma_hub_unsubscribe, "Unsubscribed");
}

void pma_handle_websocket_ha_subscriptions(struct pma_request *request,
                                           struct pma_reply *reply)
{
    json_t *topics = NULL;
    const char *client_id = client_of(request, reply);
    if (client_id == NULL) {
        return;
    }
    const int err = pma_hub_subscriptions_json(request->app->hub, client_id, &topics);
    if (err != 0) {
        reply_trouble(request, reply, err, client_id);
        return;
    }
    pma_reply_flat(reply, sort_topics(topics));
    json_decref(topics);
}
