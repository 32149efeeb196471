/* Users, tokens and where a client comes from, over REST. As handle_auth.c, each request
 * asks pma_auth_for_request for its service.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seep/seep.h"
#include "server/auth/auth.h"
#include "server/auth/authorization.h"
#include "server/rest/app.h"
#include "server/rest/auth_reply.h"
#include "server/rest/gate.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* username and password of a body. Returns: whether both are there; else the reply says
 * which is not. */
static bool read_login(const struct pma_request *request, struct pma_reply *reply,
                       const json_t *body, const char *fields[2])
{
    fields[0] = body != NULL ? pma_auth_field(request, reply, body, "username") : NULL;
    fields[1] =
        fields[0] != NULL ? pma_auth_field(request, reply, body, "password") : NULL;
    return fields[1] != NULL;
}

void pma_handle_auth_user_login(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *auth = pma_auth_for_request(request->app->auth);
    json_t *body = pma_request_json(request, reply);
    const char *fields[2];
    if (read_login(request, reply, body, fields)) {
        const struct pma_lockout_client client = pma_auth_client(request);
        struct pma_auth_grant grant;
        const int err = pma_auth_user_login(auth, &client, fields[0], fields[1], &grant);
        if (err != 0) {
            pma_auth_reply_error(reply, request, err, "Wrong username or password");
        } else {
            pma_auth_reply_grant(reply, &grant);
        }
    }
    json_decref(body);
}

static void reply_register_error(struct pma_reply *reply,
                                 const struct pma_request *request, int err)
{
    if (err == -EINVAL) {
        pma_reply_error(reply, request, 400,
                        "A username has 3 to 63 letters, digits and . _ @ - and a "
                        "password 8 to 256 bytes");
    } else if (err == -EEXIST) {
        pma_reply_error(reply, request, 409, "This username is taken");
    } else if (err == -ENOSPC) {
        pma_reply_error(reply, request, 507, "No room for more users (auth.max_users)");
    } else {
        pma_auth_reply_error(reply, request, err, "Not allowed");
    }
}

void pma_handle_auth_user_register(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *auth = pma_auth_for_request(request->app->auth);
    json_t *body = pma_request_json(request, reply);
    const char *fields[2];
    if (read_login(request, reply, body, fields) && pma_auth_may_set_up(request, reply)) {
        const char *email = json_string_value(json_object_get(body, "email"));
        struct pma_user user;
        const int err = pma_auth_register(auth, fields[0], fields[1],
                                          email != NULL ? email : "", &user);
        if (err != 0) {
            reply_register_error(reply, request, err);
        } else {
            pma_reply_data(reply,
                           json_pack("{s:s, s:{s:s, s:s}}", "message", "User registered",
                                     "user", "id", user.id, "username", user.name));
        }
    }
    json_decref(body);
}

/* The token is in the body, or else in the Authorization header. */
void pma_handle_auth_validate(struct pma_request *request, struct pma_reply *reply)
{
    char token[PMA_BEARER_BYTES] = "";
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *auth = pma_auth_for_request(request->app->auth);
    if (request->body_bytes > 0) {
        json_t *body = pma_request_json(request, reply);
        if (body == NULL) {
            return;
        }
        const char *given = json_string_value(json_object_get(body, "token"));
        snprintf(token, sizeof token, "%s", given != NULL ? given : "");
        json_decref(body);
    }
    if (token[0] == '\0') {
        pma_authorization_bearer(request->header(request, "Authorization"), token);
    }
    struct pma_user user;
    uint64_t expires_at_ns = 0;
    if (pma_auth_verify_token(auth, token, &user, &expires_at_ns) != 0) {
        pma_reply_error(reply, request, 401, "The token is not valid");
        return;
    }
    pma_reply_data(reply, json_pack("{s:b, s:o, s:{s:s, s:s}}", "valid", 1, "expiresAt",
                                    pma_json_instant(expires_at_ns), "user", "id",
                                    user.id, "username", user.name));
}

void pma_handle_auth_remote_status(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    pma_auth_for_request(request->app->auth);
    const char *type = "remote";
    if (request->loopback) {
        type = "localhost";
    } else if (pma_address_is_private(&request->address)) {
        type = "local-network";
    }
    const bool proof = !pma_gate_is_proved(request->app->gate, request);
    pma_reply_data(reply, json_pack("{s:b, s:s, s:b}", "requires_auth", (int)proof,
                                    "connection_type", type, "is_local",
                                    strcmp(type, "remote") != 0));
}
