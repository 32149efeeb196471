/* The WebSocket hub over REST.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub.h"
#include "server/rest/app.h"
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

void pma_handle_websocket_broadcast(struct pma_request *request, struct pma_reply *reply)
{
    json_t *body = pma_request_json(request, reply);
    if (body == NULL) {
        return;
    }
    const char *type = json_string_value(json_object_get(body, "type"));
    const json_t *data = json_object_get(body, "data");
    uint32_t clients = 0;
    if (type == NULL || type[0] == '\0' || data == NULL) {
        pma_reply_error(reply, request, 400, "Both type (a text) and data are required");
    } else if (!json_is_object(data)) {
        pma_reply_error(reply, request, 400, "data must be an object");
    } else {
        const int err = pma_hub_broadcast(request->app->hub, type, data, &clients);
        if (err != 0) {
            pma_reply_error(reply, request, err == -EINVAL ? 400 : 503,
                            "The message was not queued: %s", strerrordesc_np(-err));
        } else {
            pma_reply_flat(reply,
                           json_pack("{s:s, s:I, s:s}", "message",
                                     "Message queued for all clients", "clients_count",
                                     (json_int_t)clients, "message_type", type));
        }
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

void pma_handle_websocket_disconnect(struct pma_request *request, struct pma_reply *reply)
{
    const char *reason = request->argument(request, "reason");
    const int err = pma_hub_disconnect(request->app->hub, request->param, reason);
    if (err == -ENOENT) {
        pma_reply_error(reply, request, 404, "No client \"%.64s\" is connected",
                        request->param);
    } else if (err != 0) {
        pma_reply_error(reply, request, 503, "The client was not disconnected: %s",
                        strerrordesc_np(-err));
    } else {
        pma_reply_data(reply, json_pack("{s:s, s:s}", "client_id", request->param,
                                        "message", "The client is being disconnected"));
    }
}
