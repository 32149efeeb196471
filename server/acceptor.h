/* The one port: accepts connections, reads no more than their request's head, and hands
 * them to HTTP or to the WebSocket hub.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_ACCEPTOR_H
#define PMA_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct pma_acceptor;

struct pma_acceptor_config {
    const char *host; /* numeric address; borrowed during new */
    uint16_t port;    /* 0: the system chooses */
    uint32_t max_head_bytes;
    uint64_t head_timeout_ns;         /* from accept to the end of the head */
    uint32_t max_pending;             /* connections whose head is not complete, from 1 */
    uint32_t max_pending_per_address; /* of them from one client, from 1 */
};

/* Where connections go. The functions are called on the acceptor's thread and may not
 * block. The bytes of the head are still in the socket. */
struct pma_acceptor_hooks {
    /* Takes fd in any case. Returns: 0; else the connection was refused and closed. */
    int (*to_http)(void *arg, int fd, const struct sockaddr *peer, socklen_t peer_bytes);
    /* Takes fd when it returns 0. */
    int (*to_hub)(void *arg, int fd, const struct sockaddr *peer, socklen_t peer_bytes);
    bool (*is_http_full)(void *arg);
    bool (*is_hub_full)(void *arg);
    void (*note_hub_rejected)(void *arg);
    /* Whether limits per address are not for this one (a proxy, this machine). NULL: they
     * are for all. */
    bool (*is_unlimited)(void *arg, const struct sockaddr *peer);
    /* Whether HTTP has as many connections of this client as it may have. NULL: never. */
    bool (*is_http_full_for)(void *arg, const struct sockaddr *peer);
    void *arg; /* borrowed until the acceptor is freed */
};

struct pma_acceptor_info {
    uint32_t pending; /* connections whose head is not complete */
    uint64_t accepted, to_http, to_hub;
    uint64_t refused_full;    /* 503: HTTP or the hub has no room */
    uint64_t timed_out;       /* 408: the head did not come in time */
    uint64_t head_too_long;   /* 431 */
    uint64_t not_http;        /* 400: does not begin like a request */
    uint64_t refused_address; /* 429: too many of one client, here or in HTTP */
    uint64_t evicted;       /* 503: the oldest of max_pending made room for a newer one */
    uint64_t closed_early;  /* by the client, before its head was complete */
    uint64_t accept_errors; /* no descriptor or no memory left */
};

/* Binds and listens; accepts nothing yet.
 * Returns: 0; -EADDRINUSE, -EACCES, -EADDRNOTAVAIL and others of bind(2); -EINVAL: host
 * is not an address, or a limit of 0; -ENOMEM. Thread-safety: any thread. Allocates. */
int pma_acceptor_new(const struct pma_acceptor_config *config,
                     const struct pma_acceptor_hooks *hooks,
                     struct pma_acceptor **acceptor);

/* Starts the worker. Returns: as pma_worker_start. Thread-safety: owner thread. */
int pma_acceptor_start(struct pma_acceptor *acceptor);

/* Stops listening, closes what is pending, joins. Returns: as pma_worker_stop.
 * Thread-safety: owner thread. */
int pma_acceptor_stop(struct pma_acceptor *acceptor, uint64_t timeout_ns);

/* Frees a stopped acceptor. NULL is allowed. Thread-safety: owner thread. */
void pma_acceptor_free(struct pma_acceptor *acceptor);

/* The port it listens on. Thread-safety: any thread. */
uint16_t pma_acceptor_port(const struct pma_acceptor *acceptor);

/* Fills *info. Thread-safety: any thread. */
void pma_acceptor_info_read(struct pma_acceptor *acceptor,
                            struct pma_acceptor_info *info);

#endif
