/* Errors of entities and rooms as HTTP knows them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/entity_reply.h"

#include "server/config/config_value.h"
#include "server/entity/entity_fault.h"

#include <errno.h>
#include <string.h>

static unsigned status_of(int err)
{
    switch (err) {
    case -EINVAL:
    case -EPERM:
        return 400;
    case -ENOENT:
    case -ESRCH:
        return 404;
    case -EEXIST:
    case -ESTALE:
        return 409;
    case -ENOSPC:
        return 507;
    case -EDEADLK:
        return 503;
    default:
        return 500;
    }
}

void pma_reply_entity_error(struct pma_reply *reply, const struct pma_request *request,
                            int err, const char *why)
{
    if (err == -EDEADLK) {
        pma_entity_fault_wait();
        why = "the registry of entities is blocked by fault F12 until a restart";
    } else if (err == -ENOENT) {
        why = "there is no entity of that id; GET /api/v1/entities lists them";
    } else if (err == -EPERM) {
        why =
            "only entities of source \"pma\" can be deleted; the others belong to their "
            "source";
    }
    pma_reply_error(reply, request, status_of(err), "%s",
                    why != NULL && why[0] != '\0' ? why : strerrordesc_np(-err));
}

void pma_reply_action_error(struct pma_reply *reply, const struct pma_request *request,
                            int err, const char *why)
{
    if (err == -ENOENT || err == -EDEADLK || err == -ENOMEM) {
        pma_reply_entity_error(reply, request, err, NULL);
    } else {
        pma_reply_error(reply, request, err == -ENODEV ? 500 : 422, "Action failed: %s",
                        why[0] != '\0' ? why : strerrordesc_np(-err));
    }
}

void pma_reply_list(struct pma_reply *reply, json_t *data, json_t *meta)
{
    pma_reply_data(reply, data);
    if (reply->body == NULL || json_object_set_new(reply->body, "meta", meta) != 0) {
        json_decref(reply->body == NULL ? meta : NULL);
    }
}

bool pma_request_flag(const struct pma_request *request, const char *name)
{
    const char *text = request->argument(request, name);
    bool truth = false;
    if (text == NULL) {
        return false;
    }
    return strcmp(text, "1") == 0 || (pma_parse_bool(text, &truth) == 0 && truth);
}
