/* REST calls of the load: one connection each, many at a time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_REST_H
#define LOAD_REST_H

#include "load_client.h"

#define LOAD_CALLS_AT_ONCE 128
#define LOAD_REST_SOURCE   (1ULL << 32) /* added to the slot's number in epoll's data */

struct load_rest_call {
    int fd; /* -1: free */
    enum load_call kind;
    uint64_t started_ns;
    size_t send_at, send_bytes;
    size_t head_bytes; /* received of the first line */
    char send[512];
    char head[16];
};

struct load_rest {
    struct load_rest_call calls[LOAD_CALLS_AT_ONCE];
};

void load_rest_init(struct load_rest *rest);

/* Starts a call; none free counts as an error. */
void load_rest_start(struct load_world *world, struct load_rest *rest,
                     enum load_call kind, uint64_t now_ns);

void load_rest_event(struct load_world *world, struct load_rest *rest, uint32_t slot,
                     uint64_t now_ns);

/* Gives up calls that take too long. */
void load_rest_tick(struct load_world *world, struct load_rest *rest, uint64_t now_ns);

/* Ends what is under way. */
void load_rest_finish(struct load_rest *rest);

#endif
