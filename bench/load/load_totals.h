/* What the load has done and seen so far.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_TOTALS_H
#define LOAD_TOTALS_H

#include "load_histogram.h"
#include "load_plan.h"

/* Everything that went wrong, by kind. */
enum load_error {
    LOAD_ERROR_CONNECT = 0, /* refused, reset or timed out before the upgrade's answer */
    LOAD_ERROR_HANDSHAKE = 1, /* answered, but not with 101 */
    LOAD_ERROR_DROPPED = 2,   /* the backend ended a client that did nothing wrong */
    LOAD_ERROR_PROTOCOL = 3,  /* a frame that no server may send */
    LOAD_ERROR_NO_PONG = 4,   /* no answer to a ping in time */
    LOAD_ERROR_BACKLOG = 5,   /* the backend does not read what a client sends */
    LOAD_ERROR_CALL = 6,      /* REST: no answer, or a status other than 2xx */
    LOAD_ERROR_LATE =
        7, /* steps left out, because this program or the backend was too slow */
    LOAD_ERROR_END = 8,
};

/* Of one kind of REST call. */
struct load_operation_totals {
    uint64_t count; /* scripts that came to their end */
    uint64_t errors, missing;
    struct load_histogram latency; /* of each request */
};

struct load_totals {
    uint64_t connections;                                /* upgrades completed */
    uint64_t sent, received;                             /* WebSocket documents */
    uint64_t pongs, confirmations, refusals, broadcasts; /* of those received */
    uint64_t good_byes, bad_disconnects;
    uint64_t slow_ended; /* clients that do not read, ended by the backend: its duty */
    uint64_t timed_out;  /* clients that the backend ended for their silence: its duty */
    uint64_t skipped;    /* operations for a client that was just away */
    uint64_t calls;      /* REST, answered with 2xx */
    struct load_operation_totals operations[LOAD_CALL_END];
    uint64_t missing; /* REST requests for a route that this backend does not have */
    uint64_t errors[LOAD_ERROR_END];
    uint32_t open_clients;   /* now */
    uint64_t last_answer_ns; /* of anything received; monotonic */
    int last_connect_error;  /* positive errno of the last failed connect; 0 after a good
                                one */
    struct load_histogram pong_latency, call_latency;
    struct load_histogram
        delivery;           /* from a state change's request to each client's event */
    char last_failure[128]; /* of a REST request, for people */
};

static inline uint64_t load_totals_errors(const struct load_totals *totals)
{
    uint64_t sum = 0;

    for (int at = 0; at < LOAD_ERROR_END; at++) {
        sum += totals->errors[at];
    }
    return sum;
}

#endif
