/* HTTP on sockets that the acceptor hands over: libmicrohttpd without a listening socket.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HTTP_SERVER_H
#define PMA_HTTP_SERVER_H

#include "server/rest/router.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct pma_access_log;
struct pma_gate;
struct pma_http;

struct pma_http_config {
    uint32_t threads;
    uint32_t max_connections;
    uint32_t max_head_bytes;
    uint32_t max_url_bytes;   /* path and query; more is a 414 */
    uint64_t max_body_bytes;  /* more is a 413 */
    uint32_t max_headers;     /* more is a 431 */
    uint32_t max_per_address; /* connections of one client */
    struct pma_gate *gate;    /* borrowed while the server lives; NULL: none */
    uint64_t idle_timeout_ns;
    uint32_t later_threads, later_queue; /* of server/rest/later.h */
    uint64_t head_timeout_ns;  /* for a head after the first: beyond idle_timeout_ns */
    uint64_t read_timeout_ns;  /* for a body */
    uint64_t write_timeout_ns; /* for a reply that is no stream */
    bool is_guarded;           /* a worker keeps these three */
    struct pma_access_log *access_log; /* borrowed while the server lives; NULL: none */
    const struct pma_route *routes;    /* borrowed while the server lives */
    size_t routes_count;
    struct pma_app *app; /* borrowed, given to each handler */
};

struct pma_http_info {
    uint32_t connections;
    uint32_t active_requests;
    uint32_t later_queued, later_running; /* requests whose handler waits */
    uint64_t later_refused;
    uint64_t requests;
    uint64_t errors_4xx, errors_5xx;
    uint32_t addresses;       /* that have connections */
    uint64_t refused_address; /* connections beyond max_per_address */
    uint64_t unanswered;      /* requests that ended without a reply of ours */
    uint64_t late_heads, late_bodies, late_replies;          /* cut off */
    uint64_t url_too_long, body_too_large, too_many_headers; /* 414, 413, 431 */
};

/* Starts the threads. Returns: 0; -ENOMEM; -EIO: libmicrohttpd refused (it logs why).
 * Thread-safety: owner thread. Allocates. */
int pma_http_start(const struct pma_http_config *config, struct pma_http **http);

/* Hands over a connected socket; fd is taken in any case. Returns: 0; -EBUSY: no room,
 * the socket was closed. Thread-safety: any thread, until stop is called. */
int pma_http_adopt(struct pma_http *http, int fd, const struct sockaddr *peer,
                   socklen_t peer_bytes);

/* Whether max_connections are open. Thread-safety: any thread. */
bool pma_http_is_full(struct pma_http *http);

/* Whether a client has all the connections that it may have; it is counted as refused
 * then. Thread-safety: any thread. */
bool pma_http_refuse(struct pma_http *http, const struct sockaddr *peer);

/* Waits up to drain_ns for running requests, then closes every connection, joins the
 * threads and frees the server; NULL is allowed. Returns: 0; -ETIMEDOUT: requests were
 * cut off, each named in the log; -EBUSY: a handler that was put off does not return, and
 * the server lives on. A handler that never returns holds it up: see
 * server.shutdown_timeout. Thread-safety: owner thread. */
int pma_http_stop(struct pma_http *http, uint64_t drain_ns);

/* Fills *info. Thread-safety: any thread. */
void pma_http_info_read(struct pma_http *http, struct pma_http_info *info);

#endif
