/* /leaks/: Seep's page on this program, from the program's own port.
 *
 * Requests are passed on to the server of `seep run --listen`, GET alone; the page uses
 * relative addresses, so nothing in it is rewritten. Its stream of events is not passed
 * on, for it would hold a worker for as long as a page is open: the page polls then.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/pool/pool.h"
#include "server/rest/app.h"
#include "server/rest/leaks_client.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <string.h>

#define PREFIX "/leaks"

static bool is_watched(const struct pma_request *request, struct pma_reply *reply)
{
    if (pma_leaks_is_watched()) {
        return true;
    }
    pma_reply_error(reply, request, 404,
                    "Nobody watches this program: start it with seep run --listen");
    return false;
}

void pma_handle_leaks(struct pma_request *request, struct pma_reply *reply)
{
    if (is_watched(request, reply)) {
        reply->status = 308;
        reply->location = "leaks/"; /* addresses in the page are relative to that */
        reply->body = json_object();
    }
}

static void run_leaks(struct pma_request *request, struct pma_reply *reply)
{
    struct pma_leaks_answer answer;
    const int err =
        pma_leaks_ask(request->path + strlen(PREFIX), request->query, &answer);
    if (err != 0) {
        pma_reply_error(reply, request, err == -ENOMEM ? 500 : 502,
                        "Seep's server does not answer");
        return;
    }
    pma_reply_text(reply, answer.body, answer.content_type);
    reply->status = answer.status;
    reply->policy = answer.own_policy ? PMA_POLICY_OF_DOCUMENT : PMA_POLICY_OF_PAGE;
}

void pma_handle_leaks_page(struct pma_request *request, struct pma_reply *reply)
{
    if (!is_watched(request, reply)) {
        return;
    }
    if (strcmp(request->path, PREFIX "/api/v1/events") == 0) {
        pma_reply_error(reply, request, 503,
                        "Events are not passed on here: ask for api/v1/recordings again");
        return;
    }
    reply->later = run_leaks;
}
