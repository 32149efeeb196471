/* One WebSocket client of the load: connects, subscribes, talks, disconnects, comes back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include "load_options.h"
#include "load_totals.h"

#include <stddef.h>

#define LOAD_RECEIVE_BYTES 32768
#define LOAD_SEND_BYTES    4096

/* What all clients share; borrowed by each call. */
struct load_world {
    const struct load_options *options;
    struct load_totals *totals;
    struct load_random masks; /* of frames: no part of the sequence */
    int epoll_fd;
};

enum load_client_state {
    LOAD_AWAY = 0,       /* no socket; comes back at due_ns */
    LOAD_CONNECTING = 1, /* until the upgrade's answer; fails at due_ns */
    LOAD_OPEN = 2,
    LOAD_CLOSING = 3, /* close frame sent; the socket ends at due_ns at the latest */
};

struct load_client {
    int fd; /* -1 while away */
    enum load_client_state state;
    uint32_t index;
    uint64_t due_ns;
    uint64_t pinged_ns; /* of the unanswered ping; 0: none */
    uint32_t topics[LOAD_TOPICS_PER_CLIENT];
    uint32_t name; /* number in its own topic */
    size_t send_bytes, received_bytes;
    unsigned char send[LOAD_SEND_BYTES];
    unsigned char receive[LOAD_RECEIVE_BYTES];
};

/* Makes an absent client that connects at due_ns, with its first topics drawn from
 * `random`. */
void load_client_init(struct load_client *client, uint32_t index, uint64_t due_ns,
                      struct load_random *random);

/* Starts what is due, gives up what took too long. Call it often. */
void load_client_tick(struct load_world *world, struct load_client *client,
                      uint64_t now_ns);

/* Handles the readiness that epoll told. */
void load_client_event(struct load_world *world, struct load_client *client,
                       uint32_t events, uint64_t now_ns);

/* Does one step of the plan; a client that is not open skips it, counted. */
void load_client_operate(struct load_world *world, struct load_client *client,
                         const struct load_operation *operation, uint64_t now_ns);

/* Disconnects badly. Returns: the socket to be reset later, for LOAD_HALF_OPEN; else -1.
 */
int load_client_churn(struct load_world *world, struct load_client *client,
                      const struct load_churn *churn, uint64_t now_ns);

/* Ends the client for good: with a close frame if it is open. */
void load_client_finish(struct load_world *world, struct load_client *client);

/* Ends a socket with RST. */
void load_socket_reset(int fd);

#endif
