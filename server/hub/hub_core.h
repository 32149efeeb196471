/* The hub's state and the operations on it: clients come, get messages, and go.
 *
 * Terms. Connection: a socket that libwebsockets serves, from adoption to its end.
 * Client: a connection after its upgrade and before its end was decided; it is in the
 * client table and has a subscription record. A connection that is being closed is no
 * client any more.
 *
 * LOCK is pma_hub.mutex (PMA_LOCK_HUB). Only the service thread changes what it guards,
 * and does so under LOCK; other threads read under LOCK. libwebsockets calls under it are
 * those that never call back: lws_callback_on_writable and lws_set_timeout (but its
 * KILL_SYNC).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_HUB_CORE_H
#define PMA_HUB_CORE_H

#include "server/hub/hub.h"
#include "server/hub/hub_away.h"
#include "server/hub/hub_inbox.h"
#include "server/hub/hub_queue.h"
#include "server/hub/hub_topics.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>

#define PMA_CLOSE_REASON_BYTES 64

/* Why a client leaves. */
enum pma_leave {
    PMA_LEAVE_NONE = 0,
    PMA_LEAVE_CLOSED = 1,    /* it said so with a close frame */
    PMA_LEAVE_ABRUPT = 2,    /* its socket ended without one */
    PMA_LEAVE_DEAD = 3,      /* it left a ping unanswered */
    PMA_LEAVE_IDLE = 4,      /* it was silent for client_timeout_ns */
    PMA_LEAVE_SLOW = 5,      /* its queue was full */
    PMA_LEAVE_OVERSIZED = 6, /* its message was too long */
    PMA_LEAVE_ASKED = 7,     /* pma_hub_disconnect */
    PMA_LEAVE_REPLACED = 8,  /* a newer connection has the same name */
    PMA_LEAVE_SHUTDOWN = 9,  /* the hub stops */
    PMA_LEAVE_REFUSED = 10,  /* a binary message, or too many wrong tokens */
    PMA_LEAVE_END = 11,
};

/* The subscription record: what the hub holds to serve a client. */
struct pma_subscriber {
    struct pma_index_node node;
    struct pma_client *client;
    struct pma_topic_set topics;
    struct pma_queue queue;
    char *pieces;         /* owned: of a message that comes in pieces; NULL: none yet */
    uint32_t pieces_room; /* bytes of that block */
    uint32_t pieces_bytes;
    char id[PMA_CLIENT_ID_BYTES_MAX + 1];
};

/* A connection. */
struct pma_client {
    struct pma_index_node node; /* in the client table while `subscriber` is set */
    TAILQ_ENTRY(pma_client) link;
    TAILQ_ENTRY(pma_client) unfiltered; /* while is_unfiltered */
    struct lws *wsi;
    struct pma_subscriber *subscriber; /* NULL before the upgrade and once it has left */
    struct pma_client *next_slow;      /* during one fan-out */
    char *user_agent;                  /* owned, or NULL */
    char *user_id;                     /* owned; NULL: not authenticated */
    uint64_t connected_ns;             /* monotonic, as the next three */
    uint64_t last_seen_ns;             /* of the last frame or pong */
    uint64_t pinged_ns;                /* of the unanswered ping; 0: none */
    uint64_t last_ping_ns;             /* of the last ping, or connected_ns */
    uint16_t close_code;               /* to be sent; 0: not closing */
    uint8_t wrong_tokens;
    bool is_socket_kept; /* faults F03 and F08 */
    bool is_unfiltered;  /* never chose a topic, so it gets what others filter */
    bool is_named;       /* chose its id, so it may come back for it */
    bool is_ping_due;
    bool is_slow;            /* in the list of next_slow */
    bool has_sent_close;     /* the peer's close frame came */
    bool is_close_frame_out; /* ours went */
    char id[PMA_CLIENT_ID_BYTES_MAX + 1];
    char address[INET6_ADDRSTRLEN];
    char close_reason[PMA_CLOSE_REASON_BYTES];
};
TAILQ_HEAD(pma_clients, pma_client);

/* Totals since the start; under LOCK. */
struct pma_hub_counts {
    uint64_t connections; /* upgrades completed */
    uint64_t messages_sent, messages_received;
    uint64_t bytes_sent, bytes_received; /* of documents */
    uint64_t connection_errors;          /* adopted sockets that never became clients */
    uint64_t left[PMA_LEAVE_END];
    uint64_t undelivered; /* messages that waited for a client when it left for good */
    uint64_t invalid_messages;
    uint64_t authentication_failures;
    uint64_t cleanup_runs;
    uint64_t queued_ns_sum, queued_count; /* time from queueing to writing */
    uint64_t last_message_ns;             /* monotonic; 0: none yet */
    uint32_t queue_depth_max;             /* the fullest a client's queue has been */
};

TAILQ_HEAD(pma_lingering, pma_linger); /* faults F04 and F09, see hub_fault.c */

struct pma_hub {
    struct pma_hub_config config;
    struct pma_loop *loop; /* set once by pma_hub_new, as the next two */
    struct lws_context *context;
    struct lws_vhost *vhost;
    lws_retry_bo_t validity;   /* service thread; libwebsockets reads it in its calls */
    struct pma_worker *worker; /* owner thread */
    bool is_timer_set; /* service thread: a time-out of libwebsockets, see hub_loop.c */
    struct pma_inbox inbox;
    uint64_t started_ns; /* monotonic */
    /* pma_hub_set_relay: constant once the hub is used; NULL: no other backends */
    void (*relay)(void *arg, const char *const *topics, size_t topics_count,
                  const char *type, const json_t *data);
    void *relay_arg;
    struct pma_hub_observer observer; /* likewise */
    /* Connections admitted and not yet ended. Writers: adopting threads (compare and
     * swap), service thread. Relaxed: it orders nothing else. */
    _Atomic uint32_t admitted;
    _Atomic uint64_t rejected; /* refused before the upgrade; any thread, relaxed */
    /* Any thread sets (release), service thread takes (acquire). */
    _Atomic bool is_sweep_wanted;
    /* 0: not stopping. Owner stores (release), service thread loads (acquire). */
    _Atomic uint64_t stop_deadline_ns;
    /* Connections that outlived the deadline; read after the join. */
    _Atomic uint32_t cut_off;

    /* Fault F02 has struck; service thread and the fault's driver store, relaxed. */
    _Atomic bool is_stalled;
    pthread_mutex_t linger_mutex; /* the next two; leaf but for workers' locks */
    struct pma_lingering lingering;
    uint32_t lingering_count;

    pthread_mutex_t mutex;          /* LOCK: PMA_LOCK_HUB */
    struct pma_clients connections; /* oldest first */
    struct pma_clients unfiltered;  /* clients without a subscription ever */
    uint32_t unfiltered_count;
    struct pma_index clients, subscribers; /* struct pma_client, pma_subscriber by id */
    struct pma_topics topics;
    struct pma_away away;
    struct pma_hub_counts counts;
};

/* All of the following: service thread only; those marked LOCK are called under it. */

/* Adds a connection for an adopted socket. Returns: NULL without memory. LOCK. Allocates.
 */
struct pma_client *pma_client_new(struct pma_hub *hub, const char *address);

/* Ends a connection; a client has left before. Gives back its place under max_clients.
 * LOCK. */
void pma_client_free(struct pma_hub *hub, struct pma_client *client);

/* Makes a connection a client: record, tables, welcome message, and what was kept for its
 * name. id: NULL for a new random one. Returns: 0; -ENOMEM. LOCK. Allocates. */
int pma_client_register(struct pma_hub *hub, struct pma_client *client, const char *id);

/* Takes a client out of everything; does nothing for a connection that is none. LOCK. */
void pma_client_leave(struct pma_hub *hub, struct pma_client *client, enum pma_leave why);

/* pma_client_leave, then a close frame as soon as the socket takes it. reason: borrowed.
 * LOCK. */
void pma_client_close(struct pma_hub *hub, struct pma_client *client, enum pma_leave why,
                      uint16_t code, const char *reason);

/* Queues a document for one client; a full queue closes it. LOCK. Allocates. */
void pma_client_reply(struct pma_hub *hub, struct pma_client *client, const char *type,
                      const json_t *data, const json_t *request_id);

/* Subscribes a client. Returns: as pma_topics_subscribe. LOCK; any thread, as the topics
 * are the one thing of a client that REST changes too. Allocates. */
int pma_client_subscribe(struct pma_hub *hub, struct pma_client *client,
                         const char *topic);

/* Queues `message` for all clients (topics NULL), or for those that want one of the
 * packed `topics` and those that never chose any; keeps it for the absent ones if it is
 * durable. LOCK. */
void pma_hub_fan_out(struct pma_hub *hub, const char *topics,
                     struct pma_message *message);

/* Queues `message` for one client, or keeps it when that one is away. LOCK. */
void pma_hub_send_to(struct pma_hub *hub, const char *client_id,
                     struct pma_message *message);

/* One clean-up: idle clients, sessions away for too long. LOCK. */
void pma_hub_clean_up(struct pma_hub *hub, uint64_t now_ns);

/* Has a ping sent as soon as the socket takes it. LOCK. */
void pma_client_ping(struct pma_client *client, uint64_t now_ns);

/* One look for pings that are due or were not answered. LOCK. Cost: O(connections). */
void pma_hub_check_pings(struct pma_hub *hub, uint64_t now_ns);

/* Tables and counts agree. LOCK. Cost: O(everything). */
bool pma_hub_is_valid(const struct pma_hub *hub);

#endif
