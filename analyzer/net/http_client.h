/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_NET_HTTP_CLIENT_H
#define SEEP_ANALYZER_NET_HTTP_CLIENT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

/* One HTTP exchange at a time over a connection that is kept. */
struct seep_http_client;

struct seep_http_request {
    const char *method;         /* "GET" | "POST" | "PUT" */
    const char *url;            /* http or https; borrowed, as all here */
    const char *content_type;   /* NULL without a body */
    const char *const *headers; /* "Name: value", ended by NULL; NULL: none */
    const void *body;           /* NULL: none */
    size_t body_bytes;
    long timeout_ms;         /* for all of it; > 0 */
    size_t reply_most_bytes; /* a longer reply is -EMSGSIZE */
    /* NULL, or who is given the body of a 2xx reply as it comes, in pieces of any size,
     * instead of `body`; such a body may be of any length. Returns: 0; a negative errno,
     * which ends the exchange and is what seep_http_do returns. */
    int (*take)(void *context, const char *bytes, size_t len_bytes);
    void *take_context;
};

struct seep_http_reply {
    long status;          /* 200 ...; any status is a reply */
    struct seep_buf body; /* owned (seep_buf_fini); not NUL-terminated */
};

/* Returns: 0; -ENOMEM. Thread-safety of all here: owner thread of the client. */
int seep_http_client_new(struct seep_http_client **out);
/* NULL is ignored. */
void seep_http_client_free(struct seep_http_client *client);

/* Sends, waits for the whole reply. Redirections are not followed, HTTP_PROXY is obeyed.
 *
 * reply: all-zero, or of a call before: its memory is used again.
 * Returns: 0 with any status; -ETIMEDOUT; -ECONNREFUSED (nobody listens); -EHOSTUNREACH
 *   (no such host, no way there); -EMSGSIZE; -EINVAL (no http url); -EIO (TLS, a reply
 *   that is no HTTP, cut connections); -ENOMEM; what request->take returned, *error
 *   untouched. *error names the address, without user
 *   and password, and what to do.
 */
int seep_http_do(struct seep_http_client *client, const struct seep_http_request *request,
                 struct seep_http_reply *reply, struct seep_error *error);

#endif
