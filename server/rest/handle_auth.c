/* PIN and sessions over REST. Each request asks pma_auth_for_request which service serves
 * it: that is where fault F01 has its leak, at each of the endpoints, as in the first
 * implementation.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seep/seep.h"
#include "server/auth/auth.h"
#include "server/auth/authorization.h"
#include "server/rest/app.h"
#include "server/rest/auth_reply.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <string.h>

static const char wrong_pin[] = "Wrong PIN";

static struct pma_auth *service_of(const struct pma_request *request)
{
    return pma_auth_for_request(request->app->auth);
}

static json_t *pin_status_json(struct pma_auth *auth)
{
    struct pma_auth_status status;
    pma_auth_status_read(auth, &status);
    json_t *data = json_pack("{s:b, s:b}", "pinSet", (int)status.pin_set, "setupComplete",
                             (int)status.pin_set);
    if (status.pin_set) {
        json_object_set_new(data, "pinLength", json_integer(status.pin_digits));
    }
    return data;
}

void pma_handle_auth_pin_status(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    pma_reply_data(reply, pin_status_json(service_of(request)));
}

void pma_auth_simulate_request(void *arg)
{
    const struct pma_app *app = arg;
    SEEP_SUBSYSTEM("auth");
    json_decref(pin_status_json(pma_auth_for_request(app->auth)));
}

void pma_handle_auth_session(struct pma_request *request, struct pma_reply *reply)
{
    char token[PMA_BEARER_BYTES];
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *auth = service_of(request);
    struct pma_auth_status status;
    uint64_t expires_at_ns = 0;
    pma_auth_status_read(auth, &status);
    pma_authorization_bearer(request->header(request, "Authorization"), token);
    const bool open = pma_auth_verify_token(auth, token, NULL, &expires_at_ns) == 0;
    json_t *data = json_pack("{s:b, s:b}", "valid", open || !status.pin_set,
                             "authRequired", (int)status.pin_set);
    if (open) {
        json_object_set_new(data, "expiresAt", pma_json_instant(expires_at_ns));
    }
    pma_reply_data(reply, data);
}

void pma_handle_auth_set_pin(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *auth = service_of(request);
    json_t *body = pma_request_json(request, reply);
    const char *pin = body != NULL ? pma_auth_field(request, reply, body, "pin") : NULL;
    if (pin != NULL && pma_auth_may_set_up(request, reply)) {
        const int err = pma_auth_set_pin(auth, pin);
        if (err == -EINVAL) {
            pma_reply_error(reply, request, 400, "A PIN has 4 or 6 digits");
        } else if (err == -EEXIST) {
            pma_reply_error(reply, request, 409,
                            "A PIN is already set; use auth/change-pin");
        } else if (err != 0) {
            pma_auth_reply_error(reply, request, err, wrong_pin);
        } else {
            pma_reply_data(reply, json_pack("{s:s}", "message", "PIN set"));
        }
    }
    json_decref(body);
}

void pma_handle_auth_login(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *auth = service_of(request);
    json_t *body = pma_request_json(request, reply);
    const char *pin = body != NULL ? pma_auth_field(request, reply, body, "pin") : NULL;
    if (pin != NULL) {
        const struct pma_lockout_client client = pma_auth_client(request);
        struct pma_auth_grant grant;
        const int err = pma_auth_login(auth, &client, pin, &grant);
        if (err != 0) {
            pma_auth_reply_error(reply, request, err, wrong_pin);
        } else {
            pma_auth_reply_grant(reply, &grant);
        }
    }
    json_decref(body);
}

void pma_handle_auth_change_pin(struct pma_request *request, struct pma_reply *reply)
{
    char token[PMA_BEARER_BYTES];
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *auth = service_of(request);
    json_t *body = pma_request_json(request, reply);
    const char *current =
        body != NULL ? pma_auth_field(request, reply, body, "currentPin") : NULL;
    const char *fresh =
        current != NULL ? pma_auth_field(request, reply, body, "newPin") : NULL;
    if (fresh != NULL) {
        const struct pma_lockout_client client = pma_auth_client(request);
        pma_authorization_bearer(request->header(request, "Authorization"), token);
        const int err = pma_auth_change_pin(auth, &client, current, fresh, token);
        if (err == -EINVAL) {
            pma_reply_error(reply, request, 400, "newPin: a PIN has 4 or 6 digits");
        } else if (err != 0) {
            pma_auth_reply_error(reply, request, err, "Wrong current PIN");
        } else {
            pma_reply_data(reply, json_pack("{s:s}", "message", "PIN changed"));
        }
    }
    json_decref(body);
}

void pma_handle_auth_disable_pin(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *auth = service_of(request);
    json_t *body = pma_request_json(request, reply);
    const char *current =
        body != NULL ? pma_auth_field(request, reply, body, "currentPin") : NULL;
    if (current != NULL) {
        const struct pma_lockout_client client = pma_auth_client(request);
        const int err = pma_auth_disable_pin(auth, &client, current);
        if (err != 0) {
            pma_auth_reply_error(reply, request, err, "Wrong current PIN");
        } else {
            pma_reply_data(reply, json_pack("{s:s}", "message", "PIN disabled"));
        }
    }
    json_decref(body);
}

void pma_handle_auth_logout(struct pma_request *request, struct pma_reply *reply)
{
    char token[PMA_BEARER_BYTES];
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *auth = service_of(request);
    pma_authorization_bearer(request->header(request, "Authorization"), token);
    const int err = pma_auth_logout(auth, token);
    if (err == -EINVAL) {
        pma_reply_error(reply, request, 400,
                        "This token has no jti: it is valid until it expires");
    } else if (err == -ENOSPC) {
        pma_reply_error(reply, request, 503,
                        "Too many tokens are logged out before they expire");
    } else if (err != 0) {
        pma_auth_reply_error(reply, request, err, "There is no such session");
    } else {
        pma_reply_data(reply, json_pack("{s:s}", "message", "Logged out"));
    }
}
