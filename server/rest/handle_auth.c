/* PIN and sessions over REST. Each request asks pma_auth_for_request which service serves
 * it: that is where fault F01 has its leak.
 *
 * SPDX-License-Identifier: MIT
 */
#include "seep/seep.h"
#include "server/auth/auth.h"
#include "server/base/clock.h"
#include "server/config/config.h"
#include "server/rest/app.h"
#include "server/rest/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The session token of a request, from "Authorization: Bearer TOKEN"; "" without one. */
static const char *bearer(const struct pma_request *request)
{
    const char *header = request->header(request, "Authorization");
    return header != NULL && strncmp(header, "Bearer ", 7) == 0 ? header + 7 : "";
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
    pma_reply_data(reply, pin_status_json(pma_auth_for_request(request->app->auth)));
}

void pma_auth_simulate_request(void *arg)
{
    const struct pma_app *app = arg;
    SEEP_SUBSYSTEM("auth");
    json_decref(pin_status_json(pma_auth_for_request(app->auth)));
}

void pma_handle_auth_session(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    struct pma_auth *auth = pma_auth_for_request(request->app->auth);
    struct pma_auth_status status;
    uint64_t expires_at_ns = 0;
    pma_auth_status_read(auth, &status);
    const bool open = pma_auth_is_session(auth, bearer(request), &expires_at_ns);
    json_t *data = json_pack("{s:b, s:b}", "valid", open || !status.pin_set,
                             "authRequired", (int)status.pin_set);
    if (open) {
        json_object_set_new(data, "expiresAt", pma_json_instant(expires_at_ns));
    }
    pma_reply_data(reply, data);
}

/* The "pin" of the body. Returns: owned by *body; NULL: the reply says what is wrong. */
static const char *read_pin(const struct pma_request *request, struct pma_reply *reply,
                            json_t **body)
{
    *body = pma_request_json(request, reply);
    if (*body == NULL) {
        return NULL;
    }
    const char *pin = json_string_value(json_object_get(*body, "pin"));
    if (pin == NULL) {
        pma_reply_error(reply, request, 400, "pin (a text of 4 or 6 digits) is required");
    }
    return pin;
}

void pma_handle_auth_set_pin(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    json_t *body = NULL;
    const char *pin = read_pin(request, reply, &body);
    if (pin != NULL) {
        const int err = pma_auth_set_pin(request->app->auth, pin);
        if (err == -EINVAL) {
            pma_reply_error(reply, request, 400, "A PIN has 4 or 6 digits");
        } else if (err == -EEXIST) {
            pma_reply_error(reply, request, 409, "A PIN is already set");
        } else {
            pma_reply_data(reply, json_pack("{s:s}", "message", "PIN set"));
        }
    }
    json_decref(body);
}

static void reply_login_error(struct pma_reply *reply, const struct pma_request *request,
                              int err)
{
    if (err == -EACCES) {
        pma_reply_error(reply, request, 401, "Wrong PIN");
    } else if (err == -EAGAIN) {
        pma_reply_error(reply, request, 429, "Locked for 300 s after 3 wrong PINs");
    } else if (err == -ENOENT) {
        pma_reply_error(reply, request, 409, "No PIN is set; use auth/set-pin first");
    } else {
        pma_reply_error(reply, request, 500, "No session could be opened: %s",
                        strerrordesc_np(-err));
    }
}

void pma_handle_auth_login(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    json_t *body = NULL;
    char token[PMA_AUTH_TOKEN_BYTES];
    const char *pin = read_pin(request, reply, &body);
    if (pin != NULL) {
        const char *id = request->header(request, "X-Client-ID");
        struct pma_auth *auth = pma_auth_for_request(request->app->auth);
        const int err =
            pma_auth_login(auth, id != NULL ? id : request->client, pin, token);
        if (err != 0) {
            reply_login_error(reply, request, err);
        } else {
            const uint64_t life_ns = request->app->config->auth.token_expiry_ns;
            pma_reply_data(reply, json_pack("{s:s, s:I, s:{s:s, s:s}}", "token", token,
                                            "expiresIn", (json_int_t)(life_ns / PMA_S_NS),
                                            "user", "id", "1", "username", "pin"));
        }
    }
    json_decref(body);
}

void pma_handle_auth_logout(struct pma_request *request, struct pma_reply *reply)
{
    SEEP_SUBSYSTEM("auth");
    const int err = pma_auth_logout(request->app->auth, bearer(request));
    if (err != 0) {
        pma_reply_error(reply, request, 401, "There is no such session");
        return;
    }
    pma_reply_data(reply, json_pack("{s:s}", "message", "Logged out"));
}
