/* Callbacks of libwebsockets.
 *
 * A connection's pma_client hangs on the wsi as opaque user data from adoption to
 * WSI_DESTROY, the one callback that comes for every wsi exactly once. LOCK is taken per
 * callback, and never across a libwebsockets call that may call back: lws_write,
 * lws_service, adopting, killing.
 *
 * Pings, time-outs and closing are the hub's own, because libwebsockets counts in whole
 * seconds. Its validity checks cannot be switched off, only be so far away that the hub's
 * pings always come first. Each connection has such a timer from its upgrade on, and a
 * new one with each pong, in one list sorted by time that is searched from its begin:
 * with one fixed interval, every pong would walk past all clients. So the interval gets
 * shorter by two seconds per second (pma_socket_age_validity), and a new timer's place is
 * at the begin of the list, behind those of the same second.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/hub/hub_socket.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/hub/hub_fault.h"
#include "server/hub/hub_loop.h"
#include "server/hub/hub_request.h"
#include "server/log/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define FRAME_BUFFER_BYTES   1024
#define HANDSHAKE_TIMEOUT_S  10
#define USER_AGENT_BYTES_MAX 128
#define OTHER_DESCRIPTORS    64 /* beside the clients': event pipe, what others opened */
#define PING_TEXT            "pma"
#define VALIDITY_MAX_S       (UINT16_MAX - 1) /* 18 hours */
#define VALIDITY_MIN_S       (UINT16_MAX / 2)
#define DIRECT_TABLE_FDS     65536 /* above, libwebsockets' table by fd would cost MiB */

static struct pma_hub *hub_of(const struct lws *wsi)
{
    return lws_context_user(lws_get_context(wsi));
}

static void note_seen(struct pma_client *client)
{
    client->last_seen_ns = pma_now_ns();
    client->pinged_ns = 0;
}

/* The user agent's text, owned, or NULL. */
static char *copy_user_agent(struct lws *wsi)
{
    char text[USER_AGENT_BYTES_MAX];
    int bytes = lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_USER_AGENT);

    return bytes > 0 ? strdup(text) : NULL;
}

/* The name that the client chose by ?client_id=, or NULL when it chose none or one with
 * other characters than letters, digits, '.', '_' and '-': it then gets an id, which the
 * welcome tells. */
static const char *chosen_id(struct lws *wsi, char *buffer, int buffer_bytes)
{
    const char *id = lws_get_urlarg_by_name(wsi, "client_id=", buffer, buffer_bytes);
    size_t length;

    if (id == NULL) {
        return NULL;
    }
    length = strlen(id);
    if (length == 0 || length > PMA_CLIENT_ID_BYTES_MAX ||
        strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
            length) {
        return NULL;
    }
    return id;
}

static int on_established(struct pma_hub *hub, struct pma_client *client)
{
    char buffer[PMA_CLIENT_ID_BYTES_MAX + 16];
    const char *id = chosen_id(client->wsi, buffer, sizeof(buffer));
    char *user_agent = copy_user_agent(client->wsi);
    int status;

    pthread_mutex_lock(&hub->mutex);
    client->user_agent = user_agent;
    note_seen(client);
    status =
        pma_fault_stops_registration(client) ? 0 : pma_client_register(hub, client, id);
    pthread_mutex_unlock(&hub->mutex);
    return status;
}

/* A document of a client, whole. */
struct document {
    const char *text; /* NULL: not whole yet */
    size_t text_bytes;
    char *owned; /* the block of `text`, or NULL when it lies in libwebsockets' buffer */
};

/* Appends a piece; of its frame rest_bytes are still to come. Returns: 0; -ENOMEM. Under
 * LOCK. */
static int gather(struct pma_subscriber *subscriber, const char *piece,
                  size_t piece_bytes, size_t rest_bytes)
{
    size_t needed = subscriber->pieces_bytes + piece_bytes + rest_bytes;

    if (needed > subscriber->pieces_room) {
        char *grown = realloc(subscriber->pieces, needed);

        if (grown == NULL) {
            return -ENOMEM;
        }
        subscriber->pieces = grown;
        subscriber->pieces_room = (uint32_t)needed;
    }
    if (piece_bytes > 0) {
        memcpy(subscriber->pieces + subscriber->pieces_bytes, piece, piece_bytes);
    }
    subscriber->pieces_bytes += (uint32_t)piece_bytes;
    return 0;
}

/* A piece of a message of a client. whole: out, set when it was the last one. Returns: 0,
 * or the code to close with; the client has left then. Under LOCK. */
static uint16_t take_piece(struct pma_hub *hub, struct pma_client *client,
                           const char *piece, size_t piece_bytes, struct document *whole)
{
    struct pma_subscriber *subscriber = client->subscriber;
    size_t rest_bytes = lws_remaining_packet_payload(client->wsi);
    bool is_last = rest_bytes == 0 && lws_is_final_fragment(client->wsi) != 0;

    if (lws_frame_is_binary(client->wsi) != 0) {
        pma_client_leave(hub, client, PMA_LEAVE_REFUSED);
        return LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE;
    }
    if (subscriber->pieces_bytes + piece_bytes + rest_bytes >
        hub->config.max_message_bytes) {
        pma_client_leave(hub, client, PMA_LEAVE_OVERSIZED);
        return LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE;
    }
    if (is_last && subscriber->pieces_bytes == 0) {
        *whole = (struct document){piece != NULL ? piece : "", piece_bytes, NULL};
    } else if (gather(subscriber, piece, piece_bytes, rest_bytes) != 0) {
        pma_client_leave(hub, client, PMA_LEAVE_ABRUPT);
        return LWS_CLOSE_STATUS_UNEXPECTED_CONDITION;
    } else if (is_last) {
        /* The answer may close the client and free its record: the text leaves it first.
         */
        *whole = (struct document){subscriber->pieces, subscriber->pieces_bytes,
                                   subscriber->pieces};
        subscriber->pieces = NULL;
        subscriber->pieces_room = 0;
        subscriber->pieces_bytes = 0;
    }
    return 0;
}

static const char *close_reason(uint16_t code)
{
    switch (code) {
    case LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE:
        return "message too long";
    case LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE:
        return "send JSON in text frames";
    default:
        return "";
    }
}

static int on_receive(struct pma_hub *hub, struct pma_client *client, const char *piece,
                      size_t piece_bytes)
{
    struct document whole = {0};
    const char *reason;
    uint16_t code = 0;

    pthread_mutex_lock(&hub->mutex);
    note_seen(client);
    if (client->subscriber != NULL) {
        code = take_piece(hub, client, piece, piece_bytes, &whole);
    }
    if (whole.text != NULL) {
        hub->counts.messages_received++;
        hub->counts.bytes_received += whole.text_bytes;
        hub->counts.last_message_ns = client->last_seen_ns;
    }
    pthread_mutex_unlock(&hub->mutex);
    if (whole.text != NULL) {
        (void)seep_mark("websocket message");
        pma_request_handle(hub, client, whole.text, whole.text_bytes);
        free(whole.owned);
    }
    if (code == 0) {
        return 0;
    }
    reason = close_reason(code);
    lws_close_reason(client->wsi, code, (unsigned char *)reason, strlen(reason));
    return -1;
}

/* Writes one document. Returns: 0; -1 when the connection is lost. */
static int write_message(struct pma_hub *hub, struct pma_client *client,
                         struct pma_queue_slot *slot)
{
    struct pma_message *message = slot->message;
    uint32_t text_bytes = message->text_bytes;
    int written =
        lws_write(client->wsi, pma_message_text(message), text_bytes, LWS_WRITE_TEXT);
    uint64_t now_ns = pma_now_ns();

    pma_message_release(message);
    pthread_mutex_lock(&hub->mutex);
    if (written < 0) {
        hub->counts.undelivered++;
    } else {
        hub->counts.messages_sent++;
        hub->counts.bytes_sent += text_bytes;
        hub->counts.last_message_ns = now_ns;
        hub->counts.queued_ns_sum += now_ns - slot->queued_ns;
        hub->counts.queued_count++;
    }
    pthread_mutex_unlock(&hub->mutex);
    return written < 0 ? -1 : 0;
}

static int write_ping(struct pma_client *client)
{
    /* Not empty: libwebsockets keeps the pong that answers an empty ping to itself. */
    unsigned char ping[LWS_PRE + sizeof(PING_TEXT)] = {0};

    memcpy(ping + LWS_PRE, PING_TEXT, sizeof(PING_TEXT) - 1);
    return lws_write(client->wsi, ping + LWS_PRE, sizeof(PING_TEXT) - 1, LWS_WRITE_PING) <
                   0
               ? -1
               : 0;
}

/* Writes what is due next: the ping, else a document. Returns: 0; -1 when the connection
 * is lost. is_more (out): whether documents are left. */
static int write_next(struct pma_hub *hub, struct pma_client *client, bool *is_more)
{
    struct pma_queue_slot slot = {0};
    bool is_ping_due;

    *is_more = false;
    pthread_mutex_lock(&hub->mutex);
    is_ping_due = client->is_ping_due;
    client->is_ping_due = false;
    if (client->subscriber != NULL) {
        if (!is_ping_due) {
            pma_queue_take(&client->subscriber->queue, &slot);
        }
        *is_more = client->subscriber->queue.count > 0;
    }
    pthread_mutex_unlock(&hub->mutex);
    if (is_ping_due) {
        return write_ping(client);
    }
    return slot.message != NULL ? write_message(hub, client, &slot) : 0;
}

/* A close frame ends everything; else as many documents as the socket takes. (One a call
 * would let the queue of a client that reads fill up as soon as two messages come between
 * two calls.) */
static int on_writeable(struct pma_hub *hub, struct pma_client *client)
{
    bool is_more;
    int status;

    if (client->close_code != 0) {
        client->is_close_frame_out = true;
        lws_close_reason(client->wsi, client->close_code,
                         (unsigned char *)client->close_reason,
                         strlen(client->close_reason));
        return -1;
    }
    do {
        status = write_next(hub, client, &is_more);
    } while (status == 0 && is_more && lws_send_pipe_choked(client->wsi) == 0);
    if (is_more && status == 0) {
        lws_callback_on_writable(client->wsi);
    }
    return status;
}

static void on_pong(struct pma_hub *hub, struct pma_client *client)
{
    pthread_mutex_lock(&hub->mutex);
    note_seen(client);
    pthread_mutex_unlock(&hub->mutex);
}

static void on_closed(struct pma_hub *hub, struct pma_client *client)
{
    bool was_client = client->subscriber != NULL;

    pthread_mutex_lock(&hub->mutex);
    pma_client_leave(hub, client,
                     client->has_sent_close ? PMA_LEAVE_CLOSED : PMA_LEAVE_ABRUPT);
    pthread_mutex_unlock(&hub->mutex);
    if (was_client) {
        pma_fault_stops_removal(hub, client);
    }
    pma_fault_keeps_socket(client);
}

static void on_destroy(struct pma_hub *hub, struct pma_client *client)
{
    lws_set_opaque_user_data(client->wsi, NULL);
    pthread_mutex_lock(&hub->mutex);
    if (client->id[0] == '\0') {
        hub->counts.connection_errors++;
    }
    pma_client_leave(hub, client, PMA_LEAVE_ABRUPT);
    pma_client_free(hub, client);
    pthread_mutex_unlock(&hub->mutex);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                    void *in, size_t in_bytes)
{
    struct pma_hub *hub;
    struct pma_client *client;

    (void)user;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        lws_return_http_status(wsi, HTTP_STATUS_BAD_REQUEST, NULL);
        return -1;
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_RECEIVE_PONG:
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        break;
    default:
        return 0;
    }
    hub = hub_of(wsi);
    client = lws_get_opaque_user_data(wsi);
    if (client == NULL) {
        return 0;
    }
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        return on_established(hub, client) == 0 ? 0 : -1;
    case LWS_CALLBACK_RECEIVE:
        return on_receive(hub, client, in, in_bytes);
    case LWS_CALLBACK_RECEIVE_PONG:
        on_pong(hub, client);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        client->has_sent_close = true;
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writeable(hub, client);
    case LWS_CALLBACK_CLOSED:
        on_closed(hub, client);
        return 0;
    default:
        on_destroy(hub, client);
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "pma", .callback = on_event, .rx_buffer_size = FRAME_BUFFER_BYTES},
    {.name = NULL},
};

static void log_line(int level, const char *line)
{
    char text[256];
    size_t bytes = strcspn(line, "\n");

    if (bytes >= sizeof(text)) {
        bytes = sizeof(text) - 1;
    }
    memcpy(text, line, bytes);
    text[bytes] = '\0';
    pma_log(level == LLL_ERR ? PMA_LOG_WARN : PMA_LOG_INFO, "libwebsockets",
            pma_str("text", text));
}

void pma_socket_age_validity(struct pma_hub *hub, uint64_t now_ns)
{
    uint64_t age_s = (now_ns - hub->started_ns) / PMA_S_NS;

    hub->validity.secs_since_valid_ping =
        (uint16_t)(VALIDITY_MAX_S - 2 * age_s % (VALIDITY_MAX_S - VALIDITY_MIN_S));
    hub->validity.secs_since_valid_hangup = UINT16_MAX;
}

int pma_socket_open(struct pma_hub *hub)
{
    struct lws_context_creation_info info = {0};
    void *foreign_loops[1];
    struct rlimit limit;

    lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.vhost_name = "pma";
    info.user = hub;
    info.gid = -1;
    info.uid = -1;
    info.timeout_secs = HANDSHAKE_TIMEOUT_S;
    pma_socket_age_validity(hub, hub->started_ns);
    info.retry_and_idle_policy = &hub->validity;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME |
                   LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_LIBEV;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > DIRECT_TABLE_FDS) {
        info.fd_limit_per_thread = hub->config.max_clients + OTHER_DESCRIPTORS;
    }
    if (pma_loop_new(&hub->loop) != 0) {
        return -EIO;
    }
    foreign_loops[0] = pma_loop_ev(hub->loop);
    info.foreign_loops = foreign_loops;
    hub->context = lws_create_context(&info);
    if (hub->context == NULL) {
        pma_log(PMA_LOG_ERROR, "libwebsockets gives no context; is its libev plug-in "
                               "there (package libwebsockets-evlib-ev)?");
        pma_socket_close(hub);
        return -EIO;
    }
    hub->vhost = lws_create_vhost(hub->context, &info);
    if (hub->vhost == NULL) {
        pma_socket_close(hub);
        return -EIO;
    }
    return 0;
}

void pma_socket_close(struct pma_hub *hub)
{
    if (hub->context != NULL) {
        lws_context_destroy(hub->context);
    }
    pma_loop_free(hub->loop);
    hub->loop = NULL;
    hub->context = NULL;
    hub->vhost = NULL;
}

void pma_socket_adopt(struct pma_hub *hub, int fd, const char *address)
{
    const int on = 1;
    struct pma_client *client;
    struct lws *wsi;

    /* A small document waits for nothing; failing is only slower. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    wsi = lws_adopt_socket_vhost(hub->vhost, fd);
    hub->is_timer_set = true; /* for the handshake */
    pthread_mutex_lock(&hub->mutex);
    client = wsi != NULL ? pma_client_new(hub, address) : NULL;
    if (client == NULL) {
        hub->counts.connection_errors++;
        atomic_fetch_sub_explicit(&hub->admitted, 1, memory_order_relaxed);
    } else {
        client->wsi = wsi;
        lws_set_opaque_user_data(wsi, client);
    }
    pthread_mutex_unlock(&hub->mutex);
    if (client == NULL) {
        pma_log(PMA_LOG_WARN, "WebSocket connection not adopted",
                pma_str("address", address));
    }
    if (client == NULL && wsi != NULL) {
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
    }
}

void pma_socket_kill(struct pma_client *client)
{
    lws_set_timeout(client->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}
