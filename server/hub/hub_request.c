/* The requests of clients.
 *
 * The API has grown many messages that all mean "these topics, please": one table maps
 * each of them to the member that holds the names and to the prefix that makes a topic of
 * a name.
 *
 * Documents are parsed and tokens are checked without LOCK: neither the time that a long
 * document takes nor the locks of whoever knows the tokens concern other threads.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_request.h"

#include "server/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_TYPE_BYTES 40
#define NUMBER_BYTES     32
#define WRONG_TOKENS_MAX 5

#define CLOSE_POLICY_VIOLATION 1008

/* The types that are not about topics. */
static const char *const other_types[] = {"ping", "authenticate", "auth"};

/* One message type: the names stand in `member`, as one text or number or as an array of
 * them. */
struct topic_request {
    const char *type;
    const char *member;
    const char *prefix;
    bool is_subscribe;
};

static const struct topic_request topic_requests[] = {
    {"subscribe", "topics", "", true},
    {"unsubscribe", "topics", "", false},
    {"subscribe_topic", "topic", "", true},
    {"unsubscribe_topic", "topic", "", false},
    {"subscribe_room", "room_id", "room:", true},
    {"unsubscribe_room", "room_id", "room:", false},
    {"subscribe_ha_rooms", "room_ids", "room:", true},
    {"unsubscribe_ha_rooms", "room_ids", "room:", false},
    {"subscribe_ha_events", "event_types", "ha_events:", true},
    {"unsubscribe_ha_events", "event_types", "ha_events:", false},
    {"subscribe_ha_entities", "entity_ids", "entity:", true},
    {"unsubscribe_ha_entities", "entity_ids", "entity:", false},
    {"subscribe_entity_updates", "entity_ids", "entity_updates:", true},
    {"unsubscribe_entity_updates", "entity_ids", "entity_updates:", false},
    {"subscribe_system_events", "events", "", true},
    {"unsubscribe_system_events", "events", "", false},
};

/* An error with the topics that hold nevertheless; topics is borrowed and may be NULL. */
static void reply_error(struct pma_hub *hub, struct pma_client *client, const char *code,
                        const char *message, json_t *topics, const json_t *request_id)
{
    json_t *data =
        json_pack("{s:s, s:s, s:O*}", "code", code, "message", message, "topics", topics);

    pma_client_reply(hub, client, "error", data, request_id);
    json_decref(data);
}

static void reply_invalid(struct pma_hub *hub, struct pma_client *client,
                          const char *message, const json_t *request_id)
{
    hub->counts.invalid_messages++;
    reply_error(hub, client, "invalid_message", message, NULL, request_id);
}

static void answer_ping(struct pma_hub *hub, struct pma_client *client,
                        const json_t *request_id)
{
    char now[PMA_TIMESTAMP_BYTES];
    json_t *data;

    pma_timestamp_now(now);
    data = json_pack("{s:s}", "timestamp", now);
    pma_client_reply(hub, client, "pong", data, request_id);
    json_decref(data);
}

/* The topic that `name` stands for. Returns: false when it is no text, number or valid
 * topic. */
static bool topic_of(const char *prefix, const json_t *name,
                     char topic[static PMA_TOPIC_BYTES_MAX + 2])
{
    char number[NUMBER_BYTES];
    const char *text = json_string_value(name);

    if (json_is_integer(name)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
                 json_integer_value(name));
        text = number;
    }
    if (text == NULL) {
        return false;
    }
    /* One byte more than allowed has room, so that a cut topic is still too long. */
    snprintf(topic, PMA_TOPIC_BYTES_MAX + 2, "%s%s", prefix, text);
    return text[0] != '\0' && pma_topic_is_valid(topic);
}

/* All topics of a request as an array of its own. Returns: NULL with *why set when one is
 * wrong. */
static json_t *topics_of(const struct topic_request *request, const json_t *data,
                         const char **why)
{
    json_t *value = json_object_get(data, request->member);
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    json_t *topics = json_array();

    *why = NULL;
    if (value == NULL || count == 0) {
        *why = "the names of the topics are missing";
    }
    for (size_t at = 0; at < count && *why == NULL; at++) {
        char topic[PMA_TOPIC_BYTES_MAX + 2];
        json_t *name = json_is_array(value) ? json_array_get(value, at) : value;

        if (!topic_of(request->prefix, name, topic)) {
            *why = "a topic has 1 to 128 bytes of text, '*' only at its end after ':'";
        } else if (json_array_append_new(topics, json_string(topic)) != 0) {
            *why = "out of memory";
        }
    }
    if (*why != NULL) {
        json_decref(topics);
        return NULL;
    }
    return topics;
}

static void apply(struct pma_hub *hub, struct pma_client *client,
                  const struct topic_request *request, json_t *topics,
                  const json_t *request_id)
{
    struct pma_topic_set *set = &client->subscriber->topics;
    size_t count = json_array_size(topics);
    char message[96];
    size_t done = 0;
    int status = 0;
    json_t *data;

    while (done < count && status == 0) {
        const char *topic = json_string_value(json_array_get(topics, done));

        if (request->is_subscribe) {
            status = pma_client_subscribe(hub, client, topic);
        } else {
            pma_topics_unsubscribe(&hub->topics, set, topic);
        }
        done += status == 0 ? 1 : 0;
    }
    if (status != 0) {
        while (json_array_size(topics) > done) {
            json_array_remove(topics, json_array_size(topics) - 1);
        }
        snprintf(message, sizeof(message), "%zu of %zu topics subscribed: %s", done,
                 count, status == -ENOSPC ? "a client may have 128" : "out of memory");
        reply_error(hub, client, "subscription_failure", message, topics, request_id);
        return;
    }
    snprintf(message, sizeof(message), "%s %zu topic%s",
             request->is_subscribe ? "Subscribed to" : "Unsubscribed from", count,
             count == 1 ? "" : "s");
    data = json_pack("{s:s, s:O}", "message", message, "topics", topics);
    pma_client_reply(hub, client, "subscription_confirmed", data, request_id);
    json_decref(data);
}

static void reply_topics(struct pma_hub *hub, struct pma_client *client,
                         const struct topic_request *row,
                         const struct pma_request *request)
{
    const char *why;
    json_t *topics = topics_of(row, request->data, &why);

    if (topics == NULL) {
        reply_invalid(hub, client, why, request->id);
        return;
    }
    apply(hub, client, row, topics, request->id);
    json_decref(topics);
}

/* All types that have an answer. Returns: owned by the caller, NULL without memory. */
static json_t *supported_types(void)
{
    json_t *types = json_array();

    for (size_t at = 0; at < sizeof(other_types) / sizeof(other_types[0]); at++) {
        json_array_append_new(types, json_string(other_types[at]));
    }
    for (size_t at = 0; at < sizeof(topic_requests) / sizeof(topic_requests[0]); at++) {
        json_array_append_new(types, json_string(topic_requests[at].type));
    }
    return types;
}

/* A type may be cut in the middle of a character, and jansson refuses such text: only
 * plain ASCII is shown. */
static bool is_ascii(const char *text)
{
    while (*text > 0) {
        text++;
    }
    return *text == '\0';
}

static void reply_unknown(struct pma_hub *hub, struct pma_client *client,
                          const struct pma_request *request)
{
    char message[120];
    json_t *data;

    snprintf(message, sizeof(message), "unknown type \"%.*s\"; see \"supported\"",
             SHOWN_TYPE_BYTES, is_ascii(request->type) ? request->type : "?");
    hub->counts.invalid_messages++;
    data = json_pack("{s:s, s:s, s:o}", "code", "invalid_message", "message", message,
                     "supported", supported_types());
    pma_client_reply(hub, client, "error", data, request->id);
    json_decref(data);
}

static void dispatch(struct pma_hub *hub, struct pma_client *client,
                     const struct pma_request *request)
{
    if (strcmp(request->type, "ping") == 0) {
        answer_ping(hub, client, request->id);
        return;
    }
    for (size_t at = 0; at < sizeof(topic_requests) / sizeof(topic_requests[0]); at++) {
        if (strcmp(topic_requests[at].type, request->type) == 0) {
            reply_topics(hub, client, &topic_requests[at], request);
            return;
        }
    }
    reply_unknown(hub, client, request);
}

static void accept_user(struct pma_hub *hub, struct pma_client *client,
                        const char *user_id, const json_t *request_id)
{
    char *owned = strdup(user_id);
    json_t *data = json_pack("{s:s, s:s}", "user_id", user_id, "message",
                             "Authentication successful");

    if (owned != NULL) {
        free(client->user_id);
        client->user_id = owned;
    }
    pma_client_reply(hub, client, "authentication_success", owned != NULL ? data : NULL,
                     request_id);
    json_decref(data);
}

/* Whoever guesses tokens gets a few attempts per connection. */
static void refuse_user(struct pma_hub *hub, struct pma_client *client, const char *error,
                        const json_t *request_id)
{
    json_t *data;

    hub->counts.authentication_failures++;
    if (++client->wrong_tokens >= WRONG_TOKENS_MAX) {
        pma_client_close(hub, client, PMA_LEAVE_REFUSED, CLOSE_POLICY_VIOLATION,
                         "too many wrong tokens");
        return;
    }
    data = json_pack("{s:s}", "error", error);
    pma_client_reply(hub, client, "authentication_failure", data, request_id);
    json_decref(data);
}

static void authenticate(struct pma_hub *hub, struct pma_client *client,
                         const struct pma_request *request)
{
    const char *token = json_string_value(json_object_get(request->data, "token"));
    char user_id[PMA_USER_ID_BYTES] = "";
    int status = -EACCES;

    if (token == NULL) { /* {type: "auth", token} has it beside the type */
        token = json_string_value(json_object_get(request->document, "token"));
    }
    if (token != NULL && hub->config.authenticate != NULL) {
        status = hub->config.authenticate(hub->config.authenticate_arg, token, user_id);
    }
    pthread_mutex_lock(&hub->mutex);
    if (status == 0) {
        accept_user(hub, client, user_id, request->id);
    } else {
        refuse_user(hub, client,
                    token == NULL ? "a textual \"token\" is missing"
                                  : "the token is not valid",
                    request->id);
    }
    pthread_mutex_unlock(&hub->mutex);
}

void pma_request_handle(struct pma_hub *hub, struct pma_client *client, const char *text,
                        size_t text_bytes)
{
    struct pma_request request;
    const char *why;

    if (pma_request_parse(text, text_bytes, &request, &why) != 0) {
        pthread_mutex_lock(&hub->mutex);
        reply_invalid(hub, client, why, NULL);
        pthread_mutex_unlock(&hub->mutex);
        return;
    }
    if (strcmp(request.type, "authenticate") == 0 || strcmp(request.type, "auth") == 0) {
        authenticate(hub, client, &request);
    } else {
        pthread_mutex_lock(&hub->mutex);
        dispatch(hub, client, &request);
        pthread_mutex_unlock(&hub->mutex);
    }
    pma_request_fini(&request);
}
