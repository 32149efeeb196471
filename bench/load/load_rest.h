/* REST calls of the load: one connection per request, many at a time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_REST_H
#define LOAD_REST_H

#include "load_client.h"

#define LOAD_CALLS_AT_ONCE 128
#define LOAD_REST_SOURCE   (1ULL << 32) /* added to the slot's number in epoll's data */
#define LOAD_ANSWER_BYTES  4096

struct load_rest_call {
    int fd; /* -1: free */
    enum load_call kind;
    uint32_t step;   /* of its script */
    uint32_t number; /* of the object */
    uint64_t started_ns;
    size_t send_at, send_bytes;
    size_t answer_bytes; /* the beginning of the answer; what is beyond is not kept */
    char captured[LOAD_CAPTURE_BYTES];
    char send[1024];
    char answer[LOAD_ANSWER_BYTES + 1];
};

struct load_rest {
    uint32_t under_way;
    struct load_rest_call calls[LOAD_CALLS_AT_ONCE];
};

void load_rest_init(struct load_rest *rest);

/* Starts a call; none free counts as an error. number: of the object. */
void load_rest_start(struct load_world *world, struct load_rest *rest,
                     enum load_call kind, uint32_t number, uint64_t now_ns);

void load_rest_event(struct load_world *world, struct load_rest *rest, uint32_t slot,
                     uint64_t now_ns);

/* Gives up calls that take too long. */
void load_rest_tick(struct load_world *world, struct load_rest *rest, uint64_t now_ns);

/* Ends what is under way. */
void load_rest_finish(struct load_rest *rest);

#endif
