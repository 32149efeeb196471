/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_ANSWER_H
#define SEEP_ANALYZER_SERVE_SERVE_ANSWER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* What a request is answered with. Nothing of it changes once it is made, so that the
 * thread that sends it needs no lock. */
enum seep_answer_policy {
    SEEP_POLICY_STRICT = 0, /* the page's Content-Security-Policy */
    SEEP_POLICY_OWN = 1     /* the document brings its own, stricter one (the report) */
};

enum { SEEP_ETAG_BYTES = 80 };

struct seep_answer {
    atomic_uint holders; /* written by any thread; the last release frees */
    unsigned status;     /* of HTTP */
    const char *type;    /* of the content; a literal */
    char *body;          /* owned; NULL when empty */
    size_t body_bytes;
    char etag[SEEP_ETAG_BYTES]; /* with its quotes; "" none */
    enum seep_answer_policy policy;
    unsigned retry_after_s; /* of 429 and 503; 0: not said */
};

/* Makes one with a single holder. type: a literal. body: taken, also on failure.
 * Returns: NULL: no memory, also where body->failed. Thread-safety of all: any thread. */
struct seep_answer *seep_answer_new(unsigned status, const char *type,
                                    struct seep_buf *body);
/* {"error":"..."} from printf. Returns: NULL: no memory. */
struct seep_answer *seep_answer_error(unsigned status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* One holder more; returns answer. */
struct seep_answer *seep_answer_hold(struct seep_answer *answer);
/* One holder less. NULL is ignored. */
void seep_answer_release(struct seep_answer *answer);

#endif
