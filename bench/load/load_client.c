/* A WebSocket client over a non-blocking socket.
 *
 * Its topics keep their number from the moment it is connected: an operation swaps one
 * for another or gives its own topic a new name. So a backend that forgets nothing and
 * leaks nothing holds the same number of subscriptions all the time. Every tenth client
 * names itself (?client_id=), so that what the backend keeps for absent clients is
 * exercised as well.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_client.h"

#include "load_frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS_NS              1000000ULL
#define CONNECT_TIMEOUT_NS (5000 * MS_NS)
#define PONG_TIMEOUT_NS    (5000 * MS_NS)
#define CLOSING_TIMEOUT_NS (1000 * MS_NS)
#define RETRY_NS           (500 * MS_NS)
#define GOOD_BYE_AWAY_NS   (200 * MS_NS)
#define NAMED_EACH         10
#define DOCUMENT_BYTES     512
#define CLOSE_NORMAL       "\x03\xe8" /* 1000, big-endian */

/* Ends the socket, if there is one, and plans the next connection. */
static void go_away(struct load_world *world, struct load_client *client,
                    uint64_t back_ns)
{
    if (client->state == LOAD_OPEN) {
        world->totals->open_clients--;
    }
    if (client->fd >= 0) {
        close(client->fd);
    }
    client->fd = -1;
    client->state = LOAD_AWAY;
    client->due_ns = back_ns;
    client->pinged_ns = 0;
    client->send_bytes = 0;
    client->received_bytes = 0;
}

static void fail(struct load_world *world, struct load_client *client,
                 enum load_error error, uint64_t now_ns)
{
    world->totals->errors[error]++;
    go_away(world, client, now_ns + RETRY_NS);
}

/* Slow clients never read what comes after the upgrade. */
static bool is_slow(const struct load_world *world, const struct load_client *client)
{
    return client->index < world->options->slow_clients;
}

static void watch(struct load_world *world, const struct load_client *client, int how)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP,
                                .data.u64 = client->index};

    if (client->state == LOAD_CONNECTING || client->send_bytes > 0) {
        event.events |= EPOLLOUT;
    }
    if (client->state == LOAD_OPEN && is_slow(world, client)) {
        event.events &= ~(uint32_t)EPOLLIN;
    }
    /* Fails only for a socket that is not there, which the next event or tick finds out.
     */
    (void)epoll_ctl(world->epoll_fd, how, client->fd, &event);
}

/* Sends what waits. Returns: false when the connection is lost. */
static bool flush(struct load_world *world, struct load_client *client)
{
    bool had_rest = client->send_bytes > 0;

    while (client->send_bytes > 0) {
        ssize_t sent = send(client->fd, client->send, client->send_bytes, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN) {
            break;
        }
        if (sent < 0) {
            return false;
        }
        client->send_bytes -= (size_t)sent;
        memmove(client->send, client->send + sent, client->send_bytes);
    }
    if (had_rest) {
        watch(world, client, EPOLL_CTL_MOD);
    }
    return true;
}

/* Queues and sends a frame. The client is away afterwards if there is no room for it. A
 * connection that is lost shows when it is read: what the backend said last comes first,
 * and it may be why (a time-out is no error). */
static void send_frame(struct load_world *world, struct load_client *client,
                       enum load_opcode opcode, const void *payload, size_t payload_bytes)
{
    uint32_t mask = load_random_below(&world->masks, UINT32_MAX);

    if (client->fd < 0) {
        return;
    }
    if (client->send_bytes + payload_bytes + LOAD_FRAME_HEAD_BYTES_MAX >
        LOAD_SEND_BYTES) {
        fail(world, client, LOAD_ERROR_BACKLOG, world->totals->last_answer_ns);
        return;
    }
    client->send_bytes += load_frame_write(opcode, payload, payload_bytes, mask,
                                           client->send + client->send_bytes);
    world->totals->sent += opcode == LOAD_OPCODE_TEXT ? 1 : 0;
    if (!flush(world, client)) {
        client->send_bytes = 0;
    }
}

static void send_text(struct load_world *world, struct load_client *client,
                      const char *text)
{
    send_frame(world, client, LOAD_OPCODE_TEXT, text, strlen(text));
}

static void shared_topic(uint32_t topic, char *text, size_t text_bytes)
{
    static const char *const forms[] = {"entity:light.%u", "entity:sensor.%u", "room:%u",
                                        "source:adapter-%u"};

    if (topic == 0) {
        snprintf(text, text_bytes, "entity:*");
        return;
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, text_bytes, forms[topic % 4], topic);
#pragma GCC diagnostic pop
}

static void own_topic(const struct load_world *world, uint32_t index, uint32_t name,
                      char *text, size_t text_bytes)
{
    snprintf(text, text_bytes, "custom:%llx-%u-%u",
             (unsigned long long)world->options->seed, index, name);
}

static void change_topic(struct load_world *world, struct load_client *client,
                         const char *type, const char *topic)
{
    char document[DOCUMENT_BYTES];

    snprintf(document, sizeof(document),
             "{\"type\":\"%s\",\"data\":{\"topics\":[\"%s\"]},\"request_id\":\"%u\"}",
             type, topic, client->index);
    send_text(world, client, document);
}

/* All topics at once, right after the upgrade; the same ones as before when it was away.
 */
static void subscribe_first(struct load_world *world, struct load_client *client)
{
    char document[DOCUMENT_BYTES];
    char topic[64];
    size_t used = (size_t)snprintf(document, sizeof(document),
                                   "{\"type\":\"subscribe\",\"data\":{\"topics\":[");

    for (int slot = 0; slot < LOAD_TOPICS_PER_CLIENT; slot++) {
        shared_topic(client->topics[slot], topic, sizeof(topic));
        used +=
            (size_t)snprintf(document + used, sizeof(document) - used, "\"%s\",", topic);
    }
    own_topic(world, client->index, client->name, topic, sizeof(topic));
    snprintf(document + used, sizeof(document) - used, "\"%s\"]}}", topic);
    send_text(world, client, document);
}

static void swap_topic(struct load_world *world, struct load_client *client,
                       uint32_t slot, uint32_t drawn)
{
    uint32_t topic = drawn / LOAD_TOPICS_PER_CLIENT * LOAD_TOPICS_PER_CLIENT + slot;
    char text[64];

    if (topic == client->topics[slot]) {
        return;
    }
    shared_topic(client->topics[slot], text, sizeof(text));
    change_topic(world, client, "unsubscribe", text);
    client->topics[slot] = topic;
    shared_topic(topic, text, sizeof(text));
    change_topic(world, client, "subscribe", text);
}

static void rename_topic(struct load_world *world, struct load_client *client,
                         uint32_t name)
{
    char text[64];

    own_topic(world, client->index, client->name, text, sizeof(text));
    change_topic(world, client, "unsubscribe", text);
    client->name = name;
    own_topic(world, client->index, name, text, sizeof(text));
    change_topic(world, client, "subscribe", text);
}

static void start_connect(struct load_world *world, struct load_client *client,
                          uint64_t now_ns)
{
    const struct load_options *options = world->options;
    const int on = 1;
    char query[64] = "";

    client->fd =
        socket(options->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        world->totals->last_connect_error = errno;
        fail(world, client, LOAD_ERROR_CONNECT, now_ns);
        return;
    }
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (is_slow(world, client)) {
        const int least = 4096;

        (void)setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
    }
    if (connect(client->fd, (const struct sockaddr *)&options->address,
                options->address_bytes) != 0 &&
        errno != EINPROGRESS) {
        world->totals->last_connect_error = errno;
        fail(world, client, LOAD_ERROR_CONNECT, now_ns);
        return;
    }
    if (client->index % NAMED_EACH == 0) {
        snprintf(query, sizeof(query), "?client_id=load-%llx-%u",
                 (unsigned long long)options->seed, client->index);
    }
    /* The key is a constant: this program checks the backend, not who answers in its
     * place. */
    client->send_bytes = (size_t)snprintf(
        (char *)client->send, LOAD_SEND_BYTES,
        "GET /ws%s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "User-Agent: pma-load/" SEEP_VERSION "\r\n\r\n",
        query, options->host, (unsigned)options->port);
    client->state = LOAD_CONNECTING;
    client->due_ns = now_ns + CONNECT_TIMEOUT_NS;
    watch(world, client, EPOLL_CTL_ADD);
}

/* Looks for the end of the upgrade's answer. Returns: false when it is wrong. */
static bool take_handshake(struct load_world *world, struct load_client *client)
{
    static const char accepted[] = "HTTP/1.1 101 ";
    unsigned char *end = memmem(client->receive, client->received_bytes, "\r\n\r\n", 4);
    size_t head_bytes;

    if (end == NULL) {
        return client->received_bytes < LOAD_RECEIVE_BYTES;
    }
    if (memcmp(client->receive, accepted, sizeof(accepted) - 1) != 0) {
        return false;
    }
    head_bytes = (size_t)(end + 4 - client->receive);
    client->received_bytes -= head_bytes;
    memmove(client->receive, client->receive + head_bytes, client->received_bytes);
    client->state = LOAD_OPEN;
    world->totals->open_clients++;
    world->totals->connections++;
    subscribe_first(world, client);
    if (client->state == LOAD_OPEN && is_slow(world, client)) {
        watch(world, client, EPOLL_CTL_MOD);
    }
    return true;
}

static bool has(const struct load_frame *frame, const char *text)
{
    return memmem(frame->payload, frame->payload_bytes, text, strlen(text)) != NULL;
}

/* A state change that carries the time of its request: how long it was on its way. */
static void take_delivery(struct load_totals *totals, const struct load_frame *frame,
                          uint64_t now_ns)
{
    static const char mark[] = "\"load_ns\":";
    const unsigned char *at =
        memmem(frame->payload, frame->payload_bytes, mark, sizeof(mark) - 1);
    const unsigned char *end = frame->payload + frame->payload_bytes;
    uint64_t sent_ns = 0;

    if (at == NULL || !has(frame, "\"type\":\"pma_entity_state_changed\"")) {
        return;
    }
    at += sizeof(mark) - 1;
    while (at < end && (*at == '"' || *at == ' ')) {
        at++;
    }
    while (at < end && *at >= '0' && *at <= '9') {
        sent_ns = sent_ns * 10 + (uint64_t)(*at++ - '0');
    }
    if (sent_ns > 0 && sent_ns <= now_ns) {
        load_histogram_add(&totals->delivery, now_ns - sent_ns);
    }
}

static void take_text(struct load_world *world, struct load_client *client,
                      const struct load_frame *frame, uint64_t now_ns)
{
    struct load_totals *totals = world->totals;

    totals->received++;
    if (has(frame, "\"type\":\"pong\"")) {
        totals->pongs++;
        if (client->pinged_ns != 0) {
            load_histogram_add(&totals->pong_latency, now_ns - client->pinged_ns);
            client->pinged_ns = 0;
        }
    } else if (has(frame, "\"type\":\"subscription_confirmed\"")) {
        totals->confirmations++;
    } else if (has(frame, "\"type\":\"error\"")) {
        totals->refusals++;
    } else if (!has(frame, "\"type\":\"welcome\"")) {
        totals->broadcasts++;
        take_delivery(totals, frame, now_ns);
    }
}

/* Whether a close frame says that the client was silent for too long: code 1000 (RFC
 * 6455, 7.4.1) and the backend's words. */
static bool is_time_out(const struct load_frame *frame)
{
    static const unsigned char words[] = {1000 >> 8, 1000 & 0xff, 'i', 'd', 'l', 'e'};

    return frame->payload_bytes >= sizeof(words) &&
           memcmp(frame->payload, words, sizeof(words)) == 0;
}

/* Takes one frame. The client may be away afterwards. */
static void take_frame(struct load_world *world, struct load_client *client,
                       const struct load_frame *frame, uint64_t now_ns)
{
    switch (frame->opcode) {
    case LOAD_OPCODE_TEXT:
        take_text(world, client, frame, now_ns);
        return;
    case LOAD_OPCODE_PING:
        send_frame(world, client, LOAD_OPCODE_PONG, frame->payload, frame->payload_bytes);
        return;
    case LOAD_OPCODE_CLOSE:
        if (client->state == LOAD_CLOSING) {
            go_away(world, client, now_ns + GOOD_BYE_AWAY_NS);
        } else if (is_slow(world, client)) {
            world->totals->slow_ended++;
            go_away(world, client, now_ns + RETRY_NS);
        } else if (is_time_out(frame)) {
            world->totals->timed_out++;
            go_away(world, client, now_ns + RETRY_NS);
        } else {
            fail(world, client, LOAD_ERROR_DROPPED, now_ns);
        }
        return;
    default:
        return;
    }
}

static void take_frames(struct load_world *world, struct load_client *client,
                        uint64_t now_ns)
{
    size_t at = 0;
    int status = 1;

    while (status == 1 && client->fd >= 0) {
        struct load_frame frame;

        status = load_frame_read(client->receive + at, client->received_bytes - at,
                                 LOAD_RECEIVE_BYTES, &frame);
        if (status == 1) {
            at += frame.frame_bytes;
            take_frame(world, client, &frame, now_ns);
        }
    }
    if (status < 0) {
        fail(world, client, LOAD_ERROR_PROTOCOL, now_ns);
    }
    if (client->fd >= 0) {
        client->received_bytes -= at;
        memmove(client->receive, client->receive + at, client->received_bytes);
    }
}

/* The socket ended: as asked for, or not. */
static void take_end(struct load_world *world, struct load_client *client, int error,
                     uint64_t now_ns)
{
    if (client->state == LOAD_CLOSING) {
        go_away(world, client, now_ns + GOOD_BYE_AWAY_NS);
    } else if (client->state == LOAD_CONNECTING) {
        world->totals->last_connect_error = error != 0 ? error : ECONNRESET;
        fail(world, client, LOAD_ERROR_CONNECT, now_ns);
    } else if (is_slow(world, client)) {
        world->totals->slow_ended++;
        go_away(world, client, now_ns + RETRY_NS);
    } else {
        fail(world, client, LOAD_ERROR_DROPPED, now_ns);
    }
}

static void take_bytes(struct load_world *world, struct load_client *client,
                       uint64_t now_ns)
{
    ssize_t got = recv(client->fd, client->receive + client->received_bytes,
                       LOAD_RECEIVE_BYTES - client->received_bytes, 0);

    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        take_end(world, client, got < 0 ? errno : 0, now_ns);
        return;
    }
    world->totals->last_answer_ns = now_ns;
    world->totals->last_connect_error = 0;
    client->received_bytes += (size_t)got;
    if (client->state == LOAD_CONNECTING && !take_handshake(world, client)) {
        fail(world, client, LOAD_ERROR_HANDSHAKE, now_ns);
    }
    if (client->state == LOAD_OPEN || client->state == LOAD_CLOSING) {
        take_frames(world, client, now_ns);
    }
}

void load_client_init(struct load_client *client, uint32_t index, uint64_t due_ns,
                      struct load_random *random)
{
    client->fd = -1;
    client->state = LOAD_AWAY;
    client->index = index;
    client->due_ns = due_ns;
    client->pinged_ns = 0;
    client->name = 0;
    client->send_bytes = 0;
    client->received_bytes = 0;
    /* Each slot has topics of its own, so that no two slots can hold the same one. */
    for (uint32_t slot = 0; slot < LOAD_TOPICS_PER_CLIENT; slot++) {
        client->topics[slot] =
            slot + LOAD_TOPICS_PER_CLIENT *
                       load_random_below(random, LOAD_TOPICS / LOAD_TOPICS_PER_CLIENT);
    }
}

void load_client_tick(struct load_world *world, struct load_client *client,
                      uint64_t now_ns)
{
    if (client->state == LOAD_OPEN) {
        if (client->pinged_ns != 0 && now_ns - client->pinged_ns > PONG_TIMEOUT_NS) {
            fail(world, client, LOAD_ERROR_NO_PONG, now_ns);
        }
        return;
    }
    if (now_ns < client->due_ns) {
        return;
    }
    if (client->state == LOAD_AWAY) {
        start_connect(world, client, now_ns);
    } else if (client->state == LOAD_CONNECTING) {
        world->totals->last_connect_error = ETIMEDOUT;
        fail(world, client, LOAD_ERROR_CONNECT, now_ns);
    } else {
        fail(world, client, LOAD_ERROR_DROPPED, now_ns);
    }
}

void load_client_event(struct load_world *world, struct load_client *client,
                       uint32_t events, uint64_t now_ns)
{
    if (client->fd < 0) {
        return;
    }
    const bool hears = (client->state == LOAD_OPEN && !is_slow(world, client)) ||
                       client->state == LOAD_CLOSING;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && hears) {
        take_bytes(world, client, now_ns); /* the end comes after the last of them */
        return;
    }
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        int error = 0;
        socklen_t error_bytes = sizeof(error);

        (void)getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
        take_end(world, client, error, now_ns);
        return;
    }
    if ((events & EPOLLOUT) != 0 && !flush(world, client)) {
        client->send_bytes = 0;
        if (!hears) {
            take_end(world, client, errno, now_ns);
            return;
        }
    }
    if ((events & (EPOLLIN | EPOLLRDHUP)) != 0) {
        take_bytes(world, client, now_ns);
    }
}

void load_client_operate(struct load_world *world, struct load_client *client,
                         const struct load_operation *operation, uint64_t now_ns)
{
    if (client->state != LOAD_OPEN || is_slow(world, client)) {
        world->totals->skipped++;
        return;
    }
    switch (operation->kind) {
    case LOAD_PING:
        if (client->pinged_ns == 0) {
            client->pinged_ns = now_ns;
            send_text(world, client, "{\"type\":\"ping\",\"data\":{}}");
        }
        break;
    case LOAD_SWAP:
        swap_topic(world, client, operation->slot, operation->topic);
        break;
    case LOAD_RENAME:
        rename_topic(world, client, operation->name);
        break;
    case LOAD_NOISE:
        send_text(world, client, "{\"type\":");
        break;
    case LOAD_GOOD_BYE:
        send_frame(world, client, LOAD_OPCODE_CLOSE, CLOSE_NORMAL, 2);
        if (client->state == LOAD_OPEN) {
            world->totals->good_byes++;
            world->totals->open_clients--;
            client->state = LOAD_CLOSING;
            client->due_ns = now_ns + CLOSING_TIMEOUT_NS;
        }
        break;
    }
}

int load_client_churn(struct load_world *world, struct load_client *client,
                      const struct load_churn *churn, uint64_t now_ns)
{
    static const unsigned char half_frame[] = {0x81, 0xfe, 0x01};
    uint64_t back_ns = now_ns + churn->back_after_ms * MS_NS;
    int fd = client->fd;

    if (client->state != LOAD_OPEN) {
        world->totals->skipped++;
        return -1;
    }
    world->totals->bad_disconnects++;
    if (churn->kind == LOAD_HALF_OPEN) {
        (void)epoll_ctl(world->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        client->fd = -1;
        go_away(world, client, back_ns);
        return fd;
    }
    if (churn->kind == LOAD_CUT) {
        (void)send(fd, half_frame, sizeof(half_frame), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (churn->kind != LOAD_VANISH) {
        client->fd = -1;
        load_socket_reset(fd);
    }
    go_away(world, client, back_ns);
    return -1;
}

void load_client_finish(struct load_world *world, struct load_client *client)
{
    if (client->state == LOAD_OPEN) {
        send_frame(world, client, LOAD_OPCODE_CLOSE, CLOSE_NORMAL, 2);
    }
    go_away(world, client, UINT64_MAX);
}

void load_socket_reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}
