/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_REPLY_H
#define SEEP_ANALYZER_SERVE_SERVE_REPLY_H

#include <microhttpd.h>

#include "serve/serve_answer.h"

/* Answers on their way out: with the headers that every one of them has.
 * Thread-safety: the server's thread. Returns of all: of MHD_queue_response. */
struct seep_reply_cookie {
    const char *name;
    const char *token; /* NULL: no cookie is set */
};

/* answer: taken; NULL (no memory) is a 503. A GET with If-None-Match that names its ETag
 * gets a 304. */
enum MHD_Result seep_reply_send(struct MHD_Connection *connection,
                                struct seep_answer *answer,
                                const struct seep_reply_cookie *cookie);
/* A file of the page by its name; a 404 when there is none. */
enum MHD_Result seep_reply_send_file(struct MHD_Connection *connection, const char *name);
/* The page again, without the token in its address. */
enum MHD_Result seep_reply_greet(struct MHD_Connection *connection,
                                 const struct seep_reply_cookie *cookie);
/* The event stream. response: taken. */
enum MHD_Result seep_reply_send_stream(struct MHD_Connection *connection,
                                       struct MHD_Response *response);

/* A 503 that needs no memory; held for the caller. Thread-safety: any thread. */
struct seep_answer *seep_reply_out_of_memory(void);

#endif
