/* Synchronisation with the sources over REST.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/entity/entity_sync.h"
#include "server/rest/app.h"
#include "server/rest/entity_reply.h"
#include "server/rest/routes.h"

void pma_handle_entities_sync(struct pma_request *request, struct pma_reply *reply)
{
    const char *source = request->argument(request, "source");
    uint32_t count = 0;
    source = source != NULL && source[0] != '\0' ? source : NULL;
    if (pma_sync_request(request->app->sync, source, &count) != 0) {
        pma_reply_error(reply, request, 404,
                        "There is no source \"%.60s\"; GET /api/v1/entities/sync/status "
                        "lists them",
                        source);
        return;
    }
    pma_reply_data(reply,
                   json_pack("{s:s, s:s, s:I}", "message", "Synchronisation requested",
                             "source", source != NULL ? source : "all", "requested",
                             (json_int_t)count));
}

void pma_handle_entities_sync_status(struct pma_request *request, struct pma_reply *reply)
{
    json_t *list = pma_sync_status_json(request->app->sync);
    json_t *meta = json_pack("{s:I}", "count", (json_int_t)json_array_size(list));
    pma_reply_list(reply, list, meta);
}
