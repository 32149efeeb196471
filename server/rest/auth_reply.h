/* What the handlers of auth/... have in common: reading fields, and saying what went
 * wrong.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_AUTH_REPLY_H
#define PMA_AUTH_REPLY_H

#include "server/auth/auth.h"
#include "server/rest/exchange.h"

/* Who tries to log in. X-Client-ID is borrowed from the request. Thread-safety: any
 * thread. */
struct pma_lockout_client pma_auth_client(const struct pma_request *request);

/* A field of the body that has to be a text. Returns: borrowed from the body; NULL: the
 * reply is a 400 that names the field. */
const char *pma_auth_field(const struct pma_request *request, struct pma_reply *reply,
                           const json_t *body, const char *name);

/* Whether the client may set the first PIN or add a user: while nobody is known it may be
 * anybody, as with any device that is new; afterwards somebody known. Returns: false: the
 * reply is a 401. Thread-safety: any thread. */
bool pma_auth_may_set_up(const struct pma_request *request, struct pma_reply *reply);

/* 200 with {token, expiresIn, user{id, username}}. */
void pma_auth_reply_grant(struct pma_reply *reply, const struct pma_auth_grant *grant);

/* The reply for an error of pma_auth_login and its like; wrong: what -EACCES is called
 * ("Wrong PIN"). */
void pma_auth_reply_error(struct pma_reply *reply, const struct pma_request *request,
                          int err, const char *wrong);

#endif
