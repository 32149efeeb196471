/* Clients come, get messages, and go.
 *
 * A client is in two tables: the client table (who is there, for the REST interface and
 * for taking over a name) and the table of subscription records (what it takes to serve
 * it: topics, queue, pieces of a message). Leaving is one function for every reason, so
 * that no way out can forget a table; the socket's end comes later and finds nothing left
 * to do.
 *
 * I1  connection->subscriber is set exactly while the connection is in the client table.
 * I2  The two tables have the same number of entries. Fault F05 breaks I2: the record of
 * a client that vanished stays for ever, reachable from nowhere but its table. I3  A
 * queue has a limit: a client that does not read is closed, and its loss is counted.
 *
 * A client that never chose a topic is one of those that were written when the hub sent
 * everything to everybody: it still gets everything.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_core.h"

#include "server/base/clock.h"
#include "server/fault/fault.h"
#include "server/hub/hub_fault.h"
#include "server/log/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PIECES_BYTES 4096 /* of a preallocated record */
#define CLOSE_TIMEOUT_S                                                                  \
    2 /* for a socket that takes no more: the frame will not get out */
#define RANDOM_ID_BYTES 16

#define CLOSE_TRY_AGAIN_LATER 1013
#define CLOSE_REPLACED        4001

static const char *const leave_names[PMA_LEAVE_END] = {
    [PMA_LEAVE_NONE] = "none",
    [PMA_LEAVE_CLOSED] = "closed by the client",
    [PMA_LEAVE_ABRUPT] = "connection lost",
    [PMA_LEAVE_DEAD] = "ping unanswered",
    [PMA_LEAVE_IDLE] = "idle",
    [PMA_LEAVE_SLOW] = "send queue full",
    [PMA_LEAVE_OVERSIZED] = "message too long",
    [PMA_LEAVE_ASKED] = "disconnected by request",
    [PMA_LEAVE_REPLACED] = "replaced",
    [PMA_LEAVE_SHUTDOWN] = "shutdown",
    [PMA_LEAVE_REFUSED] = "refused",
};

static struct pma_client *client_of(struct pma_topic_set *set)
{
    return ((struct pma_subscriber *)((char *)set -
                                      offsetof(struct pma_subscriber, topics)))
        ->client;
}

static void random_id(char id[static PMA_CLIENT_ID_BYTES_MAX + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[RANDOM_ID_BYTES] = {0};

    /* Without GRND_NONBLOCK this waits for entropy, which a server gets at boot and once.
     */
    while (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
    }
    for (size_t at = 0; at < sizeof(bytes); at++) {
        id[2 * at] = digits[bytes[at] >> 4];
        id[2 * at + 1] = digits[bytes[at] & 15];
    }
    id[2 * sizeof(bytes)] = '\0';
}

static struct pma_subscriber *subscriber_new(struct pma_hub *hub,
                                             struct pma_client *client)
{
    bool is_preallocated = hub->config.is_preallocated ||
                           pma_fault_enabled(PMA_FAULT_F05) ||
                           pma_fault_enabled(PMA_FAULT_F06);
    struct pma_subscriber *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return NULL;
    }
    made->client = client;
    memcpy(made->id, client->id, sizeof(made->id));
    made->node.name = made->id;
    if (pma_queue_init(&made->queue, hub->config.send_queue_messages, is_preallocated) !=
        0) {
        goto fail_queue;
    }
    if (is_preallocated) {
        made->pieces = malloc(PIECES_BYTES);
        if (made->pieces == NULL) {
            goto fail_pieces;
        }
        made->pieces_room = PIECES_BYTES;
    }
    pma_index_add(&hub->subscribers, &made->node);
    return made;

fail_pieces:
    pma_queue_fini(&made->queue);
fail_queue:
    free(made);
    return NULL;
}

static void subscriber_free(struct pma_hub *hub, struct pma_subscriber *subscriber)
{
    pma_index_remove(&hub->subscribers, &subscriber->node);
    pma_queue_fini(&subscriber->queue);
    free(subscriber->pieces);
    free(subscriber);
}

/* Queues for one client. Returns: whether there was room. */
static bool enqueue(struct pma_hub *hub, struct pma_client *client,
                    struct pma_message *message)
{
    struct pma_queue *queue = &client->subscriber->queue;

    if (pma_queue_push(queue, message, pma_now_ns()) != 0) {
        return false;
    }
    if (queue->count > hub->counts.queue_depth_max) {
        hub->counts.queue_depth_max = queue->count;
    }
    if (queue->count == 1) { /* else it was asked for before */
        lws_callback_on_writable(client->wsi);
    }
    return true;
}

static void unfilter(struct pma_hub *hub, struct pma_client *client)
{
    TAILQ_INSERT_TAIL(&hub->unfiltered, client, unfiltered);
    hub->unfiltered_count++;
    client->is_unfiltered = true;
}

static void filter(struct pma_hub *hub, struct pma_client *client)
{
    if (client->is_unfiltered) {
        TAILQ_REMOVE(&hub->unfiltered, client, unfiltered);
        hub->unfiltered_count--;
        client->is_unfiltered = false;
    }
}

static void close_slow(struct pma_hub *hub, struct pma_client *client)
{
    pma_client_close(hub, client, PMA_LEAVE_SLOW, CLOSE_TRY_AGAIN_LATER,
                     "too slow: send queue full");
}

struct pma_client *pma_client_new(struct pma_hub *hub, const char *address)
{
    struct pma_client *made = calloc(1, sizeof(*made));

    if (made == NULL) {
        return NULL;
    }
    made->node.name = made->id;
    made->connected_ns = pma_now_ns();
    made->last_seen_ns = made->connected_ns;
    made->last_ping_ns = made->connected_ns;
    strncpy(made->address, address, sizeof(made->address) - 1);
    TAILQ_INSERT_TAIL(&hub->connections, made, link);
    return made;
}

void pma_client_free(struct pma_hub *hub, struct pma_client *client)
{
    TAILQ_REMOVE(&hub->connections, client, link);
    free(client->user_agent);
    free(client->user_id);
    free(client);
    atomic_fetch_sub_explicit(&hub->admitted, 1, memory_order_relaxed);
}

/* The first frame of a client. */
static void welcome(struct pma_hub *hub, struct pma_client *client, uint32_t kept)
{
    char now[PMA_TIMESTAMP_BYTES];
    json_t *data;

    pma_timestamp_now(now);
    data = json_pack("{s:s, s:s, s:s, s:i}", "client_id", client->id, "server_time", now,
                     "message", "Connected to the PMA backend", "queued_messages",
                     (int)kept);
    pma_client_reply(hub, client, "welcome", data, NULL);
    json_decref(data);
}

/* Gives a client that is back what was kept for it. */
static void resume(struct pma_hub *hub, struct pma_client *client,
                   struct pma_away_session *session)
{
    struct pma_away_entry *entry;

    client->subscriber->topics.has_chosen = session->has_chosen;
    if (session->has_chosen) {
        filter(hub, client);
    }
    for (uint32_t at = 0; at < session->topic_count; at++) {
        if (pma_client_subscribe(hub, client, session->topics[at]) != 0) {
            pma_log(PMA_LOG_WARN, "WebSocket topic lost on return: no memory",
                    pma_str("client_id", client->id),
                    pma_str("topic", session->topics[at]));
        }
    }
    TAILQ_FOREACH(entry, &session->entries, of_session)
    {
        if (!enqueue(hub, client, entry->message)) {
            hub->counts.undelivered++;
        }
    }
    pma_away_end(&hub->away, session, false);
}

int pma_client_register(struct pma_hub *hub, struct pma_client *client, const char *id)
{
    struct pma_away_session *session = NULL;

    if (id != NULL) {
        struct pma_client *older =
            (struct pma_client *)pma_index_find(&hub->clients, id, strlen(id));

        if (older != NULL) {
            pma_client_close(hub, older, PMA_LEAVE_REPLACED, CLOSE_REPLACED,
                             "a newer connection has the same client_id");
        }
        session = pma_away_find(&hub->away, id);
        client->is_named = true;
        memcpy(client->id, id, strnlen(id, PMA_CLIENT_ID_BYTES_MAX));
    } else {
        random_id(client->id);
    }
    client->subscriber = subscriber_new(hub, client);
    if (client->subscriber == NULL) {
        return -ENOMEM;
    }
    pma_index_add(&hub->clients, &client->node);
    unfilter(hub, client);
    hub->counts.connections++;
    welcome(hub, client, session != NULL ? session->entry_count : 0);
    if (session != NULL && client->subscriber != NULL) {
        resume(hub, client, session);
    }
    pma_log(PMA_LOG_DEBUG, "WebSocket client connected", pma_str("client_id", client->id),
            pma_str("address", client->address), pma_u64("clients", hub->clients.count));
    return 0;
}

/* Whether a client that leaves for this reason may be expected back. */
static bool may_return(const struct pma_client *client, enum pma_leave why)
{
    return client->is_named && why != PMA_LEAVE_ASKED && why != PMA_LEAVE_SHUTDOWN;
}

/* Empties the queue: into a session if the client may return, else counted as
 * undelivered. */
static void empty_queue(struct pma_hub *hub, struct pma_client *client,
                        enum pma_leave why)
{
    struct pma_away_session *session = NULL;
    struct pma_queue_slot slot;

    if (may_return(client, why) &&
        pma_away_begin(&hub->away, client->id, &client->subscriber->topics, pma_now_ns(),
                       &session) != 0) {
        pma_log(PMA_LOG_WARN, "WebSocket session not kept: no memory",
                pma_str("client_id", client->id));
    }
    while (pma_queue_take(&client->subscriber->queue, &slot)) {
        if (session != NULL && slot.message->is_durable) {
            pma_away_keep(&hub->away, session, slot.message);
        } else {
            hub->counts.undelivered++;
        }
        pma_message_release(slot.message);
    }
}

/* The clients that F05 forgets are those that did not say good-bye, and F06 those whose
 * queue was full. */
static bool is_forgotten(enum pma_leave why)
{
    switch (why) {
    case PMA_LEAVE_IDLE:
    case PMA_LEAVE_DEAD:
    case PMA_LEAVE_ABRUPT:
        return pma_fault_take(PMA_FAULT_F05);
    case PMA_LEAVE_SLOW:
        return pma_fault_take(PMA_FAULT_F06);
    default:
        return false;
    }
}

void pma_client_leave(struct pma_hub *hub, struct pma_client *client, enum pma_leave why)
{
    struct pma_subscriber *subscriber = client->subscriber;

    if (subscriber == NULL) {
        return;
    }
    pma_index_remove(&hub->clients, &client->node);
    filter(hub, client);
    empty_queue(hub, client, why);
    pma_topics_forget(&hub->topics, &subscriber->topics);
    client->subscriber = NULL;
    hub->counts.left[why]++;
    if (is_forgotten(why)) {
        subscriber->client = NULL;
    } else {
        subscriber_free(hub, subscriber);
    }
    pma_log(why == PMA_LEAVE_SLOW ? PMA_LOG_WARN : PMA_LOG_DEBUG, "WebSocket client left",
            pma_str("client_id", client->id), pma_str("reason", leave_names[why]),
            pma_u64("clients", hub->clients.count));
}

void pma_client_close(struct pma_hub *hub, struct pma_client *client, enum pma_leave why,
                      uint16_t code, const char *reason)
{
    if (client->subscriber == NULL) {
        return;
    }
    pma_client_leave(hub, client, why);
    client->close_code = code;
    strncpy(client->close_reason, reason, sizeof(client->close_reason) - 1);
    lws_callback_on_writable(client->wsi);
    lws_set_timeout(client->wsi, PENDING_TIMEOUT_USER_REASON_BASE, CLOSE_TIMEOUT_S);
    hub->is_timer_set = true;
}

void pma_client_reply(struct pma_hub *hub, struct pma_client *client, const char *type,
                      const json_t *data, const json_t *request_id)
{
    struct pma_message *message = NULL;

    if (client->subscriber == NULL) {
        return;
    }
    if (data == NULL || pma_message_new(type, data, request_id, &message) != 0) {
        hub->counts.undelivered++;
        pma_log(PMA_LOG_ERROR, "WebSocket reply lost: no memory", pma_str("type", type),
                pma_str("client_id", client->id));
        return;
    }
    if (!enqueue(hub, client, message)) {
        hub->counts.undelivered++;
        pma_fault_stops_reader(client);
        close_slow(hub, client);
    }
    pma_message_release(message);
}

/* State of one fan-out. */
struct fan_out {
    struct pma_hub *hub;
    struct pma_message *message;
    struct pma_client *slow; /* list by next_slow: closed afterwards, as subscriptions may
                                not change while they are walked */
};

static void deliver(struct fan_out *fan_out, struct pma_client *client)
{
    if (!enqueue(fan_out->hub, client, fan_out->message)) {
        fan_out->hub->counts.undelivered++;
        client->next_slow = fan_out->slow;
        fan_out->slow = client;
    }
}

static void visit_set(struct pma_topic_set *set, void *context)
{
    deliver(context, client_of(set));
}

int pma_client_subscribe(struct pma_hub *hub, struct pma_client *client,
                         const char *topic)
{
    int status = pma_topics_subscribe(&hub->topics, &client->subscriber->topics, topic);

    if (status == 0) {
        filter(hub, client);
    }
    return status;
}

void pma_hub_fan_out(struct pma_hub *hub, const char *topics, struct pma_message *message)
{
    struct fan_out fan_out = {.hub = hub, .message = message};
    struct pma_client *client;

    if (topics != NULL) {
        pma_topics_match(&hub->topics, topics, visit_set, &fan_out);
        TAILQ_FOREACH(client, &hub->unfiltered, unfiltered)
        {
            deliver(&fan_out, client);
        }
    } else {
        TAILQ_FOREACH(client, &hub->connections, link)
        {
            if (client->subscriber != NULL) {
                deliver(&fan_out, client);
            }
        }
    }
    if (message->is_durable) {
        pma_away_keep_matching(&hub->away, topics, message);
    }
    while (fan_out.slow != NULL) {
        client = fan_out.slow;
        fan_out.slow = client->next_slow;
        client->next_slow = NULL;
        close_slow(hub, client);
    }
}

void pma_hub_send_to(struct pma_hub *hub, const char *client_id,
                     struct pma_message *message)
{
    size_t id_bytes = strlen(client_id);
    struct pma_client *client =
        (struct pma_client *)pma_index_find(&hub->clients, client_id, id_bytes);
    struct pma_away_session *session = pma_away_find(&hub->away, client_id);
    const struct pma_topic_set nothing = {.has_chosen = true};

    if (client != NULL) {
        if (!enqueue(hub, client, message)) {
            hub->counts.undelivered++;
            close_slow(hub, client);
        }
    } else if (session != NULL || (pma_fault_enabled(PMA_FAULT_F10) &&
                                   pma_away_begin(&hub->away, client_id, &nothing,
                                                  pma_now_ns(), &session) == 0)) {
        pma_away_keep(&hub->away, session, message);
    } else {
        hub->counts.undelivered++; /* it has gone since the message was posted */
    }
}

void pma_hub_clean_up(struct pma_hub *hub, uint64_t now_ns)
{
    uint64_t timeout_ns = hub->config.client_timeout_ns;
    uint32_t idle = 0;
    uint32_t expired = 0;
    struct pma_client *client;

    TAILQ_FOREACH(client, &hub->connections, link)
    {
        if (client->subscriber != NULL && timeout_ns != 0 &&
            (now_ns - client->last_seen_ns > timeout_ns ||
             (now_ns - client->connected_ns > timeout_ns &&
              pma_fault_take(PMA_FAULT_F07)))) {
            pma_client_close(hub, client, PMA_LEAVE_IDLE, LWS_CLOSE_STATUS_NORMAL,
                             "idle for too long");
            idle++;
        }
    }
    if (hub->away.messages > 0 && pma_fault_take(PMA_FAULT_F10B)) {
        pma_away_clear(&hub->away);
    }
    if (timeout_ns != 0) {
        expired = pma_away_expire(&hub->away, now_ns, timeout_ns);
    }
    hub->counts.cleanup_runs++;
    pma_log(PMA_LOG_INFO, "WebSocket clean-up", pma_u64("clients", hub->clients.count),
            pma_u64("idle_closed", idle), pma_u64("sessions_expired", expired),
            pma_u64("messages_kept", hub->away.messages),
            pma_u64("topics", hub->topics.by_name.count));
}

static void end_dead(struct pma_hub *hub, struct pma_client *client)
{
    pma_client_leave(hub, client, PMA_LEAVE_DEAD);
    /* Nobody listens there: no close frame, the socket just ends. */
    lws_set_timeout(client->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
    hub->is_timer_set = true;
}

void pma_client_ping(struct pma_client *client, uint64_t now_ns)
{
    /* Counted from here, not from the write: a socket that takes nothing is dead too. An
     * older ping that was not answered yet stays the one that counts. */
    client->is_ping_due = true;
    client->pinged_ns = client->pinged_ns != 0 ? client->pinged_ns : now_ns;
    client->last_ping_ns = now_ns;
    lws_callback_on_writable(client->wsi);
}

void pma_hub_check_pings(struct pma_hub *hub, uint64_t now_ns)
{
    const struct pma_hub_config *config = &hub->config;
    struct pma_client *client;

    TAILQ_FOREACH(client, &hub->connections, link)
    {
        if (client->subscriber == NULL) {
            continue;
        }
        if (client->pinged_ns != 0) {
            if (config->pong_timeout_ns != 0 &&
                now_ns - client->pinged_ns > config->pong_timeout_ns) {
                end_dead(hub, client);
            }
        } else if (now_ns - client->last_ping_ns >= config->ping_interval_ns) {
            pma_client_ping(client, now_ns);
        }
    }
}

bool pma_hub_is_valid(const struct pma_hub *hub)
{
    const struct pma_client *client;
    size_t clients = 0;

    TAILQ_FOREACH(client, &hub->connections, link)
    {
        if (client->is_unfiltered &&
            (client->subscriber == NULL || client->subscriber->topics.has_chosen)) {
            return false;
        }
        if (client->subscriber != NULL) {
            if (client->subscriber->client != client ||
                client->subscriber->queue.count > hub->config.send_queue_messages) {
                return false;
            }
            clients++;
        }
    }
    return clients == hub->clients.count && hub->subscribers.count >= clients &&
           (hub->away.messages <= hub->config.max_queue_messages ||
            pma_fault_total(PMA_FAULT_F10) > 0) &&
           pma_index_is_valid(&hub->clients) && pma_index_is_valid(&hub->subscribers) &&
           pma_topics_is_valid(&hub->topics);
}
