/* The WebSocket hub: who is connected, who wants what, and what waits to be sent.
 *
 * One service thread owns libwebsockets. Every other thread talks to the hub through
 * bounded queues or reads its tables under one lock, so no caller ever waits for a
 * socket.
 *
 * Limits that hold whatever the clients do: connections, messages queued per client,
 * messages queued for clients that are away, size of an inbound message, topics per
 * client, and the time for which a silent client is kept. Whatever is dropped is counted
 * (pma_hub_stats_json).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_HUB_H
#define PMA_HUB_HUB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct pma_hub;

#define PMA_USER_ID_BYTES 64

/* All intervals are of the monotonic clock. An interval of 0 switches its work off. */
struct pma_hub_config {
    uint32_t max_clients; /* connections at one time, handshakes included; from 1 */
    uint32_t
        send_queue_messages; /* waiting per client; one more closes it (1013); from 1 */
    uint32_t max_queue_messages;    /* waiting for the service thread, and again for all
                                       absent clients; one more drops the oldest; from 1 */
    uint64_t client_timeout_ns;     /* since the last frame or pong received */
    uint64_t cleanup_interval_ns;   /* between two looks for idle clients */
    uint64_t ping_interval_ns;      /* between two protocol pings to one client */
    uint64_t pong_timeout_ns;       /* from an unanswered ping to the end of the client */
    uint64_t heartbeat_interval_ns; /* between two heartbeat messages to all clients */
    uint32_t max_message_bytes; /* of one inbound message; a longer one closes (1009) */
    bool is_preallocated;       /* a full queue and buffers per client from the start, as
                                   the first implementation had them */
    /* Whose token that is. user_id: out. Returns: 0, or an error for "nobody's". NULL: no
     * token is good. Called on the service thread without a lock. */
    int (*authenticate)(void *arg, const char *token, char user_id[PMA_USER_ID_BYTES]);
    void *authenticate_arg; /* borrowed while the hub lives */
};

/* Makes a hub with its libwebsockets context; starts no thread and listens on nothing.
 *
 * config: borrowed, copied. hub: out, owned by the caller, given back with pma_hub_free.
 * Returns: 0; -EINVAL for a limit of 0 that needs at least 1; -ENOMEM; -EIO when
 * libwebsockets refuses its context. *hub is untouched on error. Thread-safety: any
 * thread, one hub at a time. Allocates.
 */
int pma_hub_new(const struct pma_hub_config *config, struct pma_hub **hub);

/* Starts the service thread. Returns: 0; -EALREADY when it runs; the error of the
 * thread's creation. Thread-safety: owner thread. Allocates. */
int pma_hub_start(struct pma_hub *hub);

/* Hands a connected TCP socket, whose upgrade request is still unread, to the service
 * thread.
 *
 * fd: taken on success, the caller's on error. peer: borrowed, for the list of
 * connections. Returns: 0; -EBUSY when max_clients are connected; -ESHUTDOWN while
 * stopping; -ENOMEM. Thread-safety: any thread. Allocates.
 */
int pma_hub_adopt(struct pma_hub *hub, int fd, const struct sockaddr *peer,
                  socklen_t peer_len);

/* Whether pma_hub_adopt would answer -EBUSY now. Thread-safety: any thread. */
bool pma_hub_is_full(struct pma_hub *hub);

/* Counts a connection that was refused before its upgrade. Thread-safety: any thread. */
void pma_hub_note_rejected(struct pma_hub *hub);

/* Queues {type, data, timestamp} for every connected client.
 *
 * data: borrowed, read during the call; NULL stands for {}.
 * clients: out, may be NULL: how many are connected now and will get it.
 * Returns: 0; -EINVAL without a type; -ENOMEM. A full queue drops its oldest message,
 * counted as `dropped`, and takes the new one. Thread-safety: any thread; never blocks on
 * a client. Allocates.
 */
int pma_hub_broadcast(struct pma_hub *hub, const char *type, const json_t *data,
                      uint32_t *clients);

/* As pma_hub_broadcast, for the clients that subscribed to one of the `topics` or to a
 * wildcard above one ("entity:*" or "*"), and for those that never subscribed to
 * anything; each once. topics: names that are no topics (hub_topics.h) or have a '*' are
 * left out. */
int pma_hub_emit(struct pma_hub *hub, const char *const *topics, size_t topics_count,
                 const char *type, const json_t *data, uint32_t *clients);

/* pma_hub_emit for one topic: 1..PMA_TOPIC_BYTES_MAX bytes without '*', else -EINVAL. */
int pma_hub_publish(struct pma_hub *hub, const char *topic, const char *type,
                    const json_t *data, uint32_t *clients);

/* pma_hub_emit, or pma_hub_broadcast for topics NULL, for our own clients alone: what
 * came from another backend, which the relay must not send back. */
int pma_hub_deliver(struct pma_hub *hub, const char *const *topics, size_t topics_count,
                    const char *type, const json_t *data);

/* Has every message of pma_hub_broadcast (topics NULL) and pma_hub_emit, once it is
 * queued for our own clients, handed to `relay` too, on the caller's thread: the way to
 * the clients of other backends. arg: borrowed until the hub is freed; data may be NULL.
 * Thread-safety: owner thread, before any other uses the hub. */
void pma_hub_set_relay(struct pma_hub *hub,
                       void (*relay)(void *arg, const char *const *topics,
                                     size_t topics_count, const char *type,
                                     const json_t *data),
                       void *arg);

/* Who else wants the messages: the event stream. */
struct pma_hub_observer {
    void (*observe)(void *arg, const char *type, const json_t *data); /* NULL: nobody */
    void *arg; /* borrowed while the hub lives */
};

/* Has every message to clients, those from other backends included, handed to the
 * observer once it is queued, on the caller's thread, with no lock held. data may be
 * NULL. observer: copied. Thread-safety: before start. */
void pma_hub_set_observer(struct pma_hub *hub, const struct pma_hub_observer *observer);

/* As pma_hub_broadcast, for one client, connected or expected back.
 * Returns: also -ENOENT. */
int pma_hub_send(struct pma_hub *hub, const char *client_id, const char *type,
                 const json_t *data);

/* The data of GET websocket/stats; owned by the caller, NULL without memory.
 * Thread-safety: any thread. Allocates. Cost: O(1); up to 256 topics are listed. */
json_t *pma_hub_stats_json(struct pma_hub *hub);

/* The data of GET websocket/connections: {connections[], total, limit, offset}, oldest
 * connection first; owned by the caller, NULL without memory. Thread-safety: any thread.
 * Allocates. Cost: O(offset + limit). */
json_t *pma_hub_connections_json(struct pma_hub *hub, size_t limit, size_t offset);

/* Adds (or ends) subscriptions of a connected client, as if it had asked itself.
 * Returns: 0; -ENOENT: no such client; -EINVAL: a name that is neither a topic nor a
 * wildcard (nothing is changed in both cases); -ENOSPC: the client has as many topics as
 * it may, -ENOMEM: those before it hold. Thread-safety: any thread. Allocates. */
int pma_hub_subscribe(struct pma_hub *hub, const char *client_id,
                      const char *const *topics, size_t topics_count);
int pma_hub_unsubscribe(struct pma_hub *hub, const char *client_id,
                        const char *const *topics, size_t topics_count);

/* The topics of a connected client, newest first. topics: out, a JSON array owned by the
 * caller. Returns: 0; -ENOENT; -ENOMEM. Thread-safety: any thread. Allocates. */
int pma_hub_subscriptions_json(struct pma_hub *hub, const char *client_id,
                               json_t **topics);

/* Asks for the end of one client (close 1000 with `reason`; borrowed, NULL for none).
 * Returns: 0 when it is connected now; -ENOENT; -EAGAIN when too many such requests wait;
 * -ENOMEM. Thread-safety: any thread. Allocates. */
int pma_hub_disconnect(struct pma_hub *hub, const char *client_id, const char *reason);

/* Has a protocol ping sent to one client. Returns: as pma_hub_disconnect. */
int pma_hub_ping(struct pma_hub *hub, const char *client_id);

/* What faults F02 (a broadcast that blocks) and F10 (a message for somebody who is away)
 * do by themselves at a rate. arg: the hub. Thread-safety: any thread. Allocates. */
void pma_hub_commit_f02(void *arg);
void pma_hub_commit_f10(void *arg);

/* Asks the service thread for a clean-up now. Thread-safety: any thread. */
void pma_hub_sweep(struct pma_hub *hub);

/* Closes every client (1001), ends and joins the service thread.
 *
 * deadline_ns: of the monotonic clock; a client that has not answered by then is cut off.
 * Returns: 0, also when the hub does not run; -ETIMEDOUT when clients were cut off before
 * their close frame was out, or when the thread is still busy (then stop may be called
 * again). Thread-safety: owner thread.
 */
int pma_hub_stop(struct pma_hub *hub, uint64_t deadline_ns);

/* Frees a stopped hub and everything that waits in it. NULL is allowed; a hub whose
 * thread would not stop is left alone, because that thread still uses it. Thread-safety:
 * owner thread, when no other uses the hub any more. */
void pma_hub_free(struct pma_hub *hub);

#endif
