/* Every open HTTP connection: whose it is, what it does, and since when. Limits the
 * connections of one address, and ends those that take too long.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HTTP_PEERS_H
#define PMA_HTTP_PEERS_H

#include "server/base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct pma_http_peers;
struct pma_http_peer;

struct pma_http_peers_config {
    uint32_t max_connections;  /* of all addresses, from 1 */
    uint32_t max_per_address;  /* from 1 */
    uint64_t head_timeout_ns;  /* from one reply to the end of the next request's head */
    uint64_t read_timeout_ns;  /* for a body */
    uint64_t write_timeout_ns; /* for a reply; streams have no limit */
    bool is_guarded;           /* a worker keeps these three */
    void (*tick)(void *arg);   /* what else that worker is to do; NULL: nothing */
    void *tick_arg;            /* borrowed while the worker runs */
};

/* What a connection does at present. */
enum pma_http_phase {
    PMA_PHASE_NONE = 0,
    PMA_PHASE_HEAD = 1,   /* silent, or a head is coming */
    PMA_PHASE_BODY = 2,   /* a body is coming */
    PMA_PHASE_WORK = 3,   /* a handler runs, or waits */
    PMA_PHASE_REPLY = 4,  /* a reply is going out */
    PMA_PHASE_STREAM = 5, /* a stream is going out */
};

struct pma_http_peers_stats {
    uint32_t connections;
    uint32_t addresses;       /* that have any */
    uint64_t refused_address; /* connections refused for max_per_address */
    uint64_t late_heads, late_bodies, late_replies; /* connections cut off */
};

/* Makes the table and starts its worker. Returns: 0; -EINVAL: a limit of 0; -ENOMEM; of
 * pma_worker_start. Thread-safety: any thread. Allocates. */
int pma_http_peers_new(const struct pma_http_peers_config *config,
                       struct pma_http_peers **peers);

/* Stops the worker and frees an empty one. NULL is allowed. Thread-safety: owner thread.
 */
void pma_http_peers_free(struct pma_http_peers *peers);

/* Whether one more connection of this address is too many; if so it is counted as
 * refused. Thread-safety: any thread. */
bool pma_http_peers_refuse(struct pma_http_peers *peers, const struct sockaddr *peer);

/* Enters an open connection. fd: borrowed until close. peer: NULL is allowed. Returns:
 * NULL without memory: the connection then has no limits. Thread-safety: any thread.
 * Allocates. */
struct pma_http_peer *pma_http_peers_open(struct pma_http_peers *peers, int fd,
                                          const struct sockaddr *peer);

/* Takes a connection out, before its fd is closed. NULL is allowed. Thread-safety: any
 * thread. */
void pma_http_peers_close(struct pma_http_peers *peers, struct pma_http_peer *peer);

/* The connection begins to do something else. peer: NULL is allowed. what: of a request
 * ("GET", "/api/v1/..."), copied and cut to what fits, for PMA_PHASE_WORK; else NULL.
 * Thread-safety: any thread. */
void pma_http_peers_enter(struct pma_http_peers *peers, struct pma_http_peer *peer,
                          enum pma_http_phase phase, const char *method,
                          const char *path);

/* Shuts down connections that take too long; libmicrohttpd then closes them.
 * Thread-safety: any thread. Cost: O(connections). */
void pma_http_peers_expire(struct pma_http_peers *peers);

/* Writes one line to the log for each request in PMA_PHASE_WORK, up to 20 and how many
 * more. Returns: how many. Thread-safety: any thread. */
size_t pma_http_peers_report(struct pma_http_peers *peers);

/* Fills *stats. Thread-safety: any thread. */
void pma_http_peers_stats_read(struct pma_http_peers *peers,
                               struct pma_http_peers_stats *stats);

#endif
