/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_GATE_H
#define SEEP_ANALYZER_SERVE_SERVE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Who may ask: decided from a request's head, before anything is looked up.
 *
 * A page of another site can make a browser send requests here, and a name of its own can
 * be made to lead here (DNS rebinding). So Host has to be an address of ours, Origin,
 * when sent, has to be the same, and what the browser says of a request's origin
 * (Sec-Fetch-Site) is believed where it speaks against it. */
enum {
    SEEP_GATE_TOKEN_LEAST = 16,
    SEEP_GATE_TOKEN_MOST = 256,
    SEEP_GATE_COOKIE_BYTES = 32
};

struct seep_gate {
    char address[64]; /* as in a URL: "127.0.0.1", "[::1]", "10.0.0.5" */
    uint16_t port;
    bool any_address;                     /* listens on 0.0.0.0 or [::] */
    char token[SEEP_GATE_TOKEN_MOST + 1]; /* "": none is demanded */
    char cookie[SEEP_GATE_COOKIE_BYTES];  /* its name: cookies are shared among ports */
    /* Wrong tokens in the present ten seconds. */
    uint64_t wrong_since_ns;
    unsigned wrong;
};

/* A request's head as far as it matters; NULL: not sent. Borrowed. */
struct seep_gate_request {
    const char *method, *path;
    const char *host, *origin, *authorization, *cookie;
    const char *fetch_site, *fetch_mode; /* Sec-Fetch-Site, Sec-Fetch-Mode */
    const char *token;                   /* of ?token= */
    const char *content_length, *transfer_encoding;
    bool many_hosts; /* more than one Host header */
    size_t head_bytes;
};

enum seep_gate_word {
    SEEP_GATE_OPEN = 0,
    SEEP_GATE_GREET = 1 /* open, and ?token= was right: set the cookie */
};

/* Decides. Returns: enum seep_gate_word; else a status of HTTP (400, 401, 403, 405, 413,
 * 429, 431) with *error saying what to do. Thread-safety: owner thread of the gate. */
int seep_gate_decide(struct seep_gate *gate, const struct seep_gate_request *request,
                     uint64_t now_ns, struct seep_error *error);

/* Reads a token from the first line of a file that nobody else may read.
 * Returns: 0; -EPERM others may read it; -EINVAL too short, too long, or characters that
 * no header can carry; errno of open and read. */
int seep_gate_read_token(struct seep_gate *gate, const char *path,
                         struct seep_error *error);

/* Takes "ADDRESS:PORT", "[IPV6]:PORT" or "PORT" (loopback) into address and port.
 * Returns: 0; -EINVAL. Thread-safety: pure. */
int seep_gate_set_listen(struct seep_gate *gate, const char *text,
                         struct seep_error *error);
/* 127.0.0.0/8 or ::1. */
bool seep_gate_is_loopback(const struct seep_gate *gate);

#endif
