/* The event stream over HTTP.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/rest/app.h"
#include "server/rest/http_response.h"
#include "server/rest/routes.h"
#include "server/sse/event_stream.h"

#include <errno.h>

void pma_handle_events_stream(struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_app *app = request->app;
    struct pma_event_client *client = NULL;
    const int err = pma_event_client_new(app->events, request->connection,
                                         pma_http_fd(request->connection), &client);
    if (err != 0) {
        pma_reply_error(reply, request, 503,
                        err == -EBUSY ? "There are %u clients of the event stream already"
                                      : "The event stream takes no clients now",
                        app->config->events.max_clients);
        return;
    }
    reply->status = 200;
    reply->content_type = "text/event-stream";
    reply->stream = (struct pma_stream){
        .read = pma_event_client_read, .end = pma_event_client_end, .arg = client};
}

void pma_handle_events_status(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_event_stream_stats stats;
    pma_event_stream_stats_read(request->app->events, &stats);
    pma_reply_data(
        reply,
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "status",
                  "running", "activeConnections", (json_int_t)stats.clients,
                  "totalConnections", (json_int_t)stats.total_clients,
                  "refusedConnections", (json_int_t)stats.refused_clients, "events",
                  (json_int_t)stats.events, "deliveries", (json_int_t)stats.deliveries,
                  "dropped", (json_int_t)stats.dropped, "queued",
                  (json_int_t)stats.queued_events, "heartbeats",
                  (json_int_t)stats.heartbeats, "keepalives",
                  (json_int_t)stats.keepalives, "uptime",
                  pma_json_duration(pma_now_ns() - stats.started_ns)));
}
