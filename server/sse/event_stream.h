/* Server-sent events: what happens, as a text stream over HTTP.
 *
 * Clients, the events that wait for each and the time that one may be silent are bounded.
 * Whoever publishes never waits: an event for a client whose queue is full is dropped and
 * counted. One worker has all timers: heartbeats, keep-alives, figures.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_EVENT_STREAM_H
#define PMA_EVENT_STREAM_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct pma_event_stream;
struct pma_event_client;

struct pma_event_stream_config {
    uint32_t max_clients;  /* from 1 */
    uint32_t queue_events; /* waiting for one client; from 4 */
    uint64_t heartbeat_interval_ns;
    uint64_t keepalive_interval_ns; /* of silence; 0: no keep-alive */
    uint64_t figures_interval_ns;   /* events "memory" and, when changed, "connections" */
};

/* What the stream needs from outside; arg is borrowed until it is freed. */
struct pma_event_stream_hooks {
    /* Leaves the connection of a client alone until resume; see http_response.h. Called
     * under the stream's lock. */
    void (*suspend)(void *connection);
    void (*resume)(void *connection);
    /* Data of events; owned by the caller, NULL: the event is left out. */
    json_t *(*status)(void *arg); /* "system_status" */
    json_t *(*memory)(void *arg);
    json_t *(*connections)(void *arg);
    void *arg;
};

struct pma_event_stream_stats {
    uint32_t clients;
    uint64_t total_clients, refused_clients;
    uint64_t events;     /* published */
    uint64_t deliveries; /* of an event to a client */
    uint64_t dropped;    /* of these, not: the client's queue was full */
    uint64_t heartbeats, keepalives;
    uint64_t queued_events; /* waiting now */
    uint64_t started_ns;
};

/* Returns: 0; -EINVAL: a limit of 0 or a hook is missing; -ENOMEM. Thread-safety: any
 * thread. Allocates. */
int pma_event_stream_new(const struct pma_event_stream_config *config,
                         const struct pma_event_stream_hooks *hooks,
                         struct pma_event_stream **stream);

/* Starts the worker. Returns: as pma_worker_start. Thread-safety: owner thread. */
int pma_event_stream_start(struct pma_event_stream *stream);

/* Ends every client's stream, now and from now on, and joins the worker. The clients'
 * connections give themselves back (pma_event_client_end) when they are done. Returns: as
 * pma_worker_stop. Thread-safety: owner thread. */
int pma_event_stream_stop(struct pma_event_stream *stream, uint64_t timeout_ns);

/* Frees a stopped stream without clients. NULL is allowed. Thread-safety: owner thread.
 */
void pma_event_stream_free(struct pma_event_stream *stream);

/* A client more; its first event is a heartbeat with its id. connection: given to suspend
 * and resume. fd: of its socket, to see that it has gone; borrowed while the client is
 * there; -1: unknown. Returns: 0 and *client; -EBUSY: max_clients are there; -ESHUTDOWN;
 * -ENOMEM. Thread-safety: any thread. Allocates. */
int pma_event_client_new(struct pma_event_stream *stream, void *connection, int fd,
                         struct pma_event_client **client);

/* The next bytes for the client; arg: struct pma_event_client. Returns: how many; 0: none
 * now, and its connection was suspended; -1: the stream ends. Thread-safety: one thread
 * at a time per client. */
int64_t pma_event_client_read(void *arg, char *bytes, size_t most);

/* The client (arg: struct pma_event_client) has gone; frees it. Thread-safety: any
 * thread, once. */
void pma_event_client_end(void *arg);

/* Queues {type, data, timestamp} for every client. data: borrowed, NULL stands for {}.
 * Does next to nothing without clients. Thread-safety: any thread; never waits for a
 * client. Allocates. */
void pma_event_stream_publish(struct pma_event_stream *stream, const char *type,
                              const json_t *data);

/* F29 by itself: one turn of a client's loop. arg: struct pma_event_stream.
 * Thread-safety: any thread. */
void pma_event_stream_commit_f29(void *arg);

/* Fills *stats. Thread-safety: any thread. */
void pma_event_stream_stats_read(struct pma_event_stream *stream,
                                 struct pma_event_stream_stats *stats);

#endif
