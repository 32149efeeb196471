/* The WebSocket hub over REST.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault/wrong_order.h"
#include "server/hub/hub.h"
#include "server/rest/app.h"
#include "server/rest/http_block.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <string.h>

#define CONNECTIONS_LIMIT     100
#define CONNECTIONS_LIMIT_MAX 1000

void pma_handle_ws_without_upgrade(struct pma_request *request, struct pma_reply *reply)
{
    pma_reply_error(reply, request, 426,
                    "This is a WebSocket endpoint: send Upgrade: websocket as the first "
                    "request of a connection");
}

void pma_handle_websocket_stats(struct pma_request *request, struct pma_reply *reply)
{
    pma_reply_data(reply, pma_hub_stats_json(request->app->hub));
}

/* What POST broadcast is to do: {type, data [, topic | client_id]}; borrowed from the
 * body. */
struct broadcast {
    const char *type;
    const json_t *data;
    const char *topic; /* NULL: not given, as the next */
    const char *client_id;
};

/* Returns: NULL, or what is wrong. */
static const char *read_broadcast(const json_t *body, struct broadcast *broadcast)
{
    const json_t *topic = json_object_get(body, "topic");
    const json_t *client_id = json_object_get(body, "client_id");
    *broadcast = (struct broadcast){
        .type = json_string_value(json_object_get(body, "type")),
        .data = json_object_get(body, "data"),
        .topic = json_string_value(topic),
        .client_id = json_string_value(client_id),
    };
    if (broadcast->type == NULL || broadcast->type[0] == '\0' ||
        broadcast->data == NULL) {
        return "Both type (a text) and data are required";
    }
    if (!json_is_object(broadcast->data)) {
        return "data must be an object";
    }
    if ((topic != NULL && broadcast->topic == NULL) ||
        (client_id != NULL && broadcast->client_id == NULL)) {
        return "topic and client_id must be texts";
    }
    if (topic != NULL && client_id != NULL) {
        return "topic and client_id exclude each other";
    }
    return NULL;
}

static int send_broadcast(struct pma_hub *hub, const struct broadcast *broadcast,
                          uint32_t *clients)
{
    if (broadcast->client_id != NULL) {
        *clients = 1;
        return pma_hub_send(hub, broadcast->client_id, broadcast->type, broadcast->data);
    }
    if (broadcast->topic != NULL) {
        return pma_hub_publish(hub, broadcast->topic, broadcast->type, broadcast->data,
                               clients);
    }
    return pma_hub_broadcast(hub, broadcast->type, broadcast->data, clients);
}

static void reply_broadcast(const struct pma_request *request, struct pma_reply *reply,
                            const struct broadcast *broadcast)
{
    uint32_t clients = 0;
    const int err = send_broadcast(request->app->hub, broadcast, &clients);
    if (err == -EINVAL) {
        pma_reply_error(reply, request, 400,
                        "topic has 1 to 128 bytes of text without '*'");
    } else if (err == -ENOENT) {
        pma_reply_error(reply, request, 404, "No client \"%.64s\" is connected",
                        broadcast->client_id);
    } else if (err != 0) {
        pma_reply_error(reply, request, 503, "The message was not queued: %s",
                        strerrordesc_np(-err));
    } else {
        pma_reply_flat(
            reply,
            json_pack(
                "{s:s, s:I, s:s, s:s*, s:s*}", "message",
                broadcast->client_id != NULL ? "Message queued for one client"
                : broadcast->topic != NULL   ? "Message queued for the topic's clients"
                                             : "Message queued for all clients",
                "clients_count", (json_int_t)clients, "message_type", broadcast->type,
                "topic", broadcast->topic, "client_id", broadcast->client_id));
    }
}

void pma_handle_websocket_broadcast(struct pma_request *request, struct pma_reply *reply)
{
    struct broadcast broadcast;
    if (pma_http_blocks(request, reply)) {
        return;
    }
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    const char *wrong = read_broadcast(body, &broadcast);
    if (wrong != NULL) {
        pma_reply_error(reply, request, 400, "%s", wrong);
    } else {
        pma_wrong_order_wait();
        reply_broadcast(request, reply, &broadcast);
    }
    json_decref(body);
}

void pma_handle_websocket_connections(struct pma_request *request,
                                      struct pma_reply *reply)
{
    bool valid = true;
    const uint64_t limit = pma_request_number(request, "limit", CONNECTIONS_LIMIT,
                                              CONNECTIONS_LIMIT_MAX, &valid);
    const uint64_t offset = pma_request_number(request, "offset", 0, UINT32_MAX, &valid);
    if (!valid) {
        pma_reply_error(reply, request, 400,
                        "limit is a number from 0 to %d, offset from 0 to 4294967295",
                        CONNECTIONS_LIMIT_MAX);
        return;
    }
    pma_reply_data(reply, pma_hub_connections_json(request->app->hub, limit, offset));
}

/* The reply to an order about request->param; done: what is happening now. */
static void reply_order(const struct pma_request *request, struct pma_reply *reply,
                        int err, const char *done)
{
    if (err == -ENOENT) {
        pma_reply_error(reply, request, 404, "No client \"%.64s\" is connected",
                        request->param);
    } else if (err != 0) {
        pma_reply_error(reply, request, 503, "Nothing was done: %s",
                        strerrordesc_np(-err));
    } else {
        pma_reply_data(
            reply, json_pack("{s:s, s:s}", "client_id", request->param, "message", done));
    }
}

void pma_handle_websocket_disconnect(struct pma_request *request, struct pma_reply *reply)
{
    const char *reason = request->argument(request, "reason");
    reply_order(request, reply,
                pma_hub_disconnect(request->app->hub, request->param, reason),
                "The client is being disconnected");
}

void pma_handle_websocket_ping(struct pma_request *request, struct pma_reply *reply)
{
    reply_order(request, reply, pma_hub_ping(request->app->hub, request->param),
                "A ping is being sent; last_seen of the connection shows its answer");
}
