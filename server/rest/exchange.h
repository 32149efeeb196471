/* A request as handlers see it, and the reply they make; no HTTP library in sight.
 *
 * Envelopes, which the original had one of per family of routes: A {success, data,
 * timestamp} and B {status, data}. Ours always have all four, so that one client fits.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_EXCHANGE_H
#define PMA_EXCHANGE_H

#include "server/base/address.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pma_app;
struct pma_buffer;

enum pma_method {
    PMA_METHOD_NONE = 0, /* known to HTTP, unknown here */
    PMA_METHOD_GET = 1,  /* HEAD as well */
    PMA_METHOD_POST = 2,
    PMA_METHOD_PUT = 3,
    PMA_METHOD_DELETE = 4,
};

#define PMA_PARAM_BYTES 128

/* Everything is borrowed for the time of the handler's call. */
struct pma_request {
    struct pma_app *app;
    enum pma_method method;
    const char *method_text; /* as sent */
    const char *path;        /* decoded, without the query */
    const char *route;       /* pattern of the route, "unmatched" until it is known */
    const char *query;       /* as sent, empty when there is none */
    const char *body;        /* empty when there is none; NUL after its last byte */
    size_t body_bytes;
    const char *client;          /* numeric address of who asks, behind trusted proxies */
    struct pma_address address;  /* the same; all zero when it is unknown */
    bool loopback;               /* it is this machine, for certain */
    char param[PMA_PARAM_BYTES]; /* what stood for ":name" in the route */
    const char *(*header)(const struct pma_request *request, const char *name);
    const char *(*argument)(const struct pma_request *request, const char *name);
    /* All values of a header, joined by ", ". Returns: 0; -E2BIG: more than fits. */
    int (*headers)(const struct pma_request *request, const char *name, char *text,
                   size_t text_bytes);
    void *connection; /* of the three functions above */
};

/* A body without an end that is known: pieces come as they are asked for. */
struct pma_stream {
    /* Copies up to `most` bytes. Returns: how many; 0: none now, and the connection is
     * suspended until pma_http_resume; -1: the end. NULL: the reply is no stream. */
    int64_t (*read)(void *arg, char *bytes, size_t most);
    void (*end)(void *arg); /* called once, when the connection is done with it */
    void *arg;              /* taken by the reply */
};

/* The Content-Security-Policy of a document for browsers. */
enum pma_policy {
    PMA_POLICY_NONE = 0,
    PMA_POLICY_OF_PAGE = 1,    /* scripts and styles of this server alone */
    PMA_POLICY_OF_DOCUMENT = 2 /* the document names its own ones */
};

struct pma_reply {
    unsigned status; /* of HTTP */
    json_t *body;    /* owned; NULL becomes a 500, so that lack of memory is an answer */
    struct pma_buffer *text;  /* owned; when not NULL, the body instead of JSON */
    struct pma_stream stream; /* when it has a read, the body instead of both */
    const char *content_type; /* of text and stream, borrowed for ever */
    const char *allow;        /* value of the Allow header, borrowed for ever, or NULL */
    const char *authenticate; /* of WWW-Authenticate, likewise */
    const char *location;     /* of Location, likewise */
    enum pma_policy policy;
    const char *cors_origin; /* of Access-Control-Allow-Origin, likewise */
    bool is_preflight;       /* an answer to a browser's question, without a body */
    uint32_t retry_after_s;  /* 0: no such header */
    /* When not NULL, the reply is made by this function on a worker: for handlers that
     * wait (server/rest/later.h). */
    void (*later)(struct pma_request *request, struct pma_reply *reply);
};

/* 200 with {success, status:"success", data, timestamp}. data: taken; NULL is lack of
 * memory. Thread-safety: any thread. Allocates. */
void pma_reply_data(struct pma_reply *reply, json_t *data);

/* 200 as above, and every member of data at the top level too (scripts read it there).
 * data: taken. */
void pma_reply_flat(struct pma_reply *reply, json_t *data);

/* `status` with {success:false, status:"error", error, code, timestamp, request}.
 * Thread-safety: any thread. Allocates. */
void pma_reply_error(struct pma_reply *reply, const struct pma_request *request,
                     unsigned status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* 200 with a text. text: taken; NULL, or one that failed, becomes a 500. content_type:
 * borrowed for ever. Thread-safety: any thread. */
void pma_reply_text(struct pma_reply *reply, struct pma_buffer *text,
                    const char *content_type);

/* Parses the body as a JSON object. Returns: owned by the caller; NULL: the reply is a
 * 400 that says where the body is wrong. Thread-safety: any thread. Allocates. */
json_t *pma_request_json(const struct pma_request *request, struct pma_reply *reply);

/* A number in the query. Returns: `otherwise` when it is not given; NULL-safe. A value
 * that is not a number from 0 to `most` makes *valid false. Thread-safety: any thread. */
uint64_t pma_request_number(const struct pma_request *request, const char *name,
                            uint64_t otherwise, uint64_t most, bool *valid);

/* JSON strings of times: RFC 3339 of now to the second, and of a CLOCK_MONOTONIC instant
 * (null for 0); a duration ("30s"). Owned by the caller. Thread-safety: any thread. */
json_t *pma_json_now(void);
json_t *pma_json_instant(uint64_t monotonic_ns);
json_t *pma_json_duration(uint64_t ns);

#endif
