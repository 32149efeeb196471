/* Automations over REST: what there is, and away with it. A language model makes them
 * with the tool create_automation, people with a POST of the same arguments to
 * mcp/tools/execute.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/automation/automation.h"
#include "server/automation_wiring.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <string.h>

void pma_handle_automations(struct pma_request *request, struct pma_reply *reply)
{
    json_t *list = pma_automations_json(request->app->automations);
    const size_t count = json_array_size(list);
    pma_reply_flat(
        reply, json_pack("{s:o, s:I}", "automations", list, "count", (json_int_t)count));
}

void pma_handle_automation_remove(struct pma_request *request, struct pma_reply *reply)
{
    const int err = pma_automation_delete(request->app, request->param);
    if (err == 0) {
        pma_reply_flat(reply, json_pack("{s:s, s:s}", "automation_id", request->param,
                                        "message", "Automation removed"));
    } else if (err == -ENOENT) {
        pma_reply_error(reply, request, 404, "There is no automation \"%.60s\"",
                        request->param);
    } else {
        pma_reply_error(reply, request, 503, "The automation stays in the store: %s",
                        strerrordesc_np(-err));
    }
}
