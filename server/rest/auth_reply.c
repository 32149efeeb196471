/* One place for the statuses of authentication, so that its endpoints agree: 401 for a
 * wrong secret, 429 with Retry-After while locked out, 409 for what is there already.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/auth_reply.h"

#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/rest/app.h"
#include "server/rest/gate.h"

#include <errno.h>
#include <string.h>

struct pma_lockout_client pma_auth_client(const struct pma_request *request)
{
    return (struct pma_lockout_client){.address = request->address,
                                       .id = request->header(request, "X-Client-ID")};
}

const char *pma_auth_field(const struct pma_request *request, struct pma_reply *reply,
                           const json_t *body, const char *name)
{
    const char *text = json_string_value(json_object_get(body, name));
    if (text == NULL) {
        pma_reply_error(reply, request, 400, "%s (a text) is required", name);
    }
    return text;
}

bool pma_auth_may_set_up(const struct pma_request *request, struct pma_reply *reply)
{
    struct pma_auth_status status;
    pma_auth_status_read(request->app->auth, &status);
    if ((!status.pin_set && status.users == 0) ||
        pma_gate_is_proved(request->app->gate, request)) {
        return true;
    }
    pma_reply_error(reply, request, 401,
                    "Only for those who are logged in, or on the same machine");
    json_object_set_new(reply->body, "auth_required", json_true());
    return false;
}

void pma_auth_reply_grant(struct pma_reply *reply, const struct pma_auth_grant *grant)
{
    pma_reply_data(reply, json_pack("{s:s, s:I, s:{s:s, s:s}}", "token", grant->token,
                                    "expiresIn", (json_int_t)grant->expires_in_s, "user",
                                    "id", grant->user.id, "username", grant->user.name));
}

void pma_auth_reply_error(struct pma_reply *reply, const struct pma_request *request,
                          int err, const char *wrong)
{
    const struct pma_config *config = request->app->config;
    switch (err) {
    case -EACCES:
        pma_reply_error(reply, request, 401, "%s", wrong);
        break;
    case -EAGAIN:
        pma_reply_error(reply, request, 429, "Locked for %llu s after %u wrong tries",
                        (unsigned long long)(config->auth.lockout_duration_ns / PMA_S_NS),
                        config->auth.lockout_failures);
        reply->retry_after_s = (uint32_t)(config->auth.lockout_duration_ns / PMA_S_NS);
        break;
    case -EBUSY:
        pma_reply_error(reply, request, 503,
                        "Too many PINs and passwords are being checked; try again");
        reply->retry_after_s = 1;
        break;
    case -ENOENT:
        pma_reply_error(reply, request, 409, "No PIN is set; use auth/set-pin first");
        break;
    default:
        pma_reply_error(reply, request, 500, "It could not be done: %s",
                        strerrordesc_np(-err));
        break;
    }
}
