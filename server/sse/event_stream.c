/* Queues of shared frames, and one worker for everything that is due.
 *
 * The first implementation had a goroutine with timers per client, and a helper that sent
 * to a client's channel 100 ms after it came, whether it was still there or not (a crash:
 * F35). Here a client is an entry in a list under one lock. Its connection is suspended
 * in the HTTP server while nothing waits, so that idle clients cost no thread, and is
 * resumed by whoever queues an event. Rejected: a socket of our own per client beside
 * libmicrohttpd: a second implementation of HTTP's sending.
 *
 * I1: a client is suspended only while its queue is empty and the stream is not closing.
 * I2: suspend and resume happen under `lock`, so that they alternate. I3: a frame's
 * references are counted under `lock`.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/sse/event_stream.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/metrics/metrics.h"
#include "server/pool/pool.h"
#include "server/sse/turn_timers.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define SUBSYSTEM       "http"
#define QUEUE_MIN       4
#define STATUS_DELAY_NS (100 * PMA_MS_NS)
#define LOOK_NS         PMA_S_NS /* between two looks for clients that have gone */

/* One event as it goes out; shared by the clients that have it in their queue. */
struct frame {
    uint32_t references;
    struct pma_buffer *text;
};

struct pma_event_client {
    TAILQ_ENTRY(pma_event_client) link;
    struct pma_event_stream *stream;
    void *connection;
    int fd;
    uint64_t id;
    bool suspended; /* I1 */
    bool ended;     /* its peer has gone */
    bool has_status;
    uint64_t came_ns, last_sent_ns; /* CLOCK_MONOTONIC */
    uint32_t first, count;          /* of the ring */
    size_t offset;                  /* bytes of the first frame that are out */
    struct frame *ring[];           /* config.queue_events */
};

struct pma_event_stream {
    struct pma_event_stream_config config;
    struct pma_event_stream_hooks hooks;
    struct pma_worker *worker;
    pthread_mutex_t lock; /* PMA_LOCK_EVENT_STREAM: what follows */
    TAILQ_HEAD(, pma_event_client) clients;
    struct pma_event_stream_stats stats;
    bool closing;
};

int pma_event_stream_new(const struct pma_event_stream_config *config,
                         const struct pma_event_stream_hooks *hooks,
                         struct pma_event_stream **stream)
{
    if (config->max_clients == 0 || config->queue_events < QUEUE_MIN ||
        config->heartbeat_interval_ns == 0 || config->figures_interval_ns == 0 ||
        hooks->suspend == NULL || hooks->resume == NULL) {
        return -EINVAL;
    }
    struct pma_event_stream *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->hooks = *hooks;
    fresh->stats.started_ns = pma_now_ns();
    TAILQ_INIT(&fresh->clients);
    pthread_mutex_init(&fresh->lock, NULL);
    *stream = fresh;
    return 0;
}

void pma_event_stream_free(struct pma_event_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

/* Under lock. */
static void drop_reference(struct frame *frame)
{
    if (--frame->references == 0) {
        pma_pool_put(frame->text);
        free(frame);
    }
}

/* text: taken; NULL gives NULL. */
static struct frame *frame_of(struct pma_buffer *text)
{
    struct frame *frame = text != NULL && !text->failed ? malloc(sizeof *frame) : NULL;
    if (frame == NULL) {
        pma_pool_put(text);
        return NULL;
    }
    *frame = (struct frame){.references = 1, .text = text};
    return frame;
}

static int append_piece(const char *piece, size_t piece_bytes, void *arg)
{
    struct pma_buffer *text = arg;
    pma_buffer_append(text, piece, piece_bytes);
    return text->failed ? -1 : 0;
}

/* "data: {type, data, timestamp}\n\n". data: taken. Returns: NULL without memory. */
static struct frame *make_frame(const char *type, json_t *data)
{
    char timestamp[PMA_TIMESTAMP_BYTES];
    struct pma_buffer *text = pma_pool_get(PMA_POOL_BYTE_SLICE_SMALL);
    pma_timestamp_now(timestamp);
    json_t *event =
        json_pack("{s:s, s:o, s:s}", "type", type, "data",
                  data != NULL ? data : json_object(), "timestamp", timestamp);
    if (text != NULL && event != NULL) {
        pma_buffer_append(text, "data: ", 6);
        text->failed |= json_dump_callback(event, append_piece, text, JSON_COMPACT) != 0;
        pma_buffer_append(text, "\n\n", 2);
    } else if (text != NULL) {
        text->failed = true;
    }
    json_decref(event);
    return frame_of(text);
}

static struct frame *make_keepalive(void)
{
    struct pma_buffer *text = pma_pool_get(PMA_POOL_BYTE_SLICE_SMALL);
    if (text != NULL) {
        pma_buffer_append(text, ":keepalive\n\n", 12);
    }
    return frame_of(text);
}

/* Under lock. I2. */
static void wake(struct pma_event_client *client)
{
    if (client->suspended) {
        client->suspended = false;
        client->stream->hooks.resume(client->connection);
    }
}

/* Under lock. Queues the frame, or drops it. */
static void push(struct pma_event_client *client, struct frame *frame)
{
    struct pma_event_stream *stream = client->stream;
    const uint32_t size = stream->config.queue_events;
    stream->stats.deliveries++;
    if (client->count == size) {
        stream->stats.dropped++;
        pma_metric_add(PMA_METRIC_SSE_DROPPED, 1, PMA_NO_LABELS);
        return;
    }
    client->ring[(client->first + client->count) % size] = frame;
    client->count++;
    client->last_sent_ns = pma_now_ns();
    frame->references++;
    stream->stats.queued_events++;
    wake(client);
}

/* Under lock. The frame is taken. */
static void push_to_all(struct pma_event_stream *stream, struct frame *frame)
{
    struct pma_event_client *client;
    TAILQ_FOREACH(client, &stream->clients, link)
    {
        push(client, frame);
    }
    drop_reference(frame);
}

static bool has_clients(struct pma_event_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    const bool some = stream->stats.clients > 0 && !stream->closing;
    pthread_mutex_unlock(&stream->lock);
    return some;
}

void pma_event_stream_publish(struct pma_event_stream *stream, const char *type,
                              const json_t *data)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (!has_clients(stream)) {
        return;
    }
    struct frame *frame = make_frame(type, json_incref((json_t *)(uintptr_t)data));
    if (frame != NULL) {
        pthread_mutex_lock(&stream->lock);
        stream->stats.events++;
        push_to_all(stream, frame);
        pthread_mutex_unlock(&stream->lock);
    }
}

/* The first event of a client. */
static struct frame *make_welcome(uint64_t id)
{
    char name[40];
    char timestamp[PMA_TIMESTAMP_BYTES];
    snprintf(name, sizeof name, "sse-%llu", (unsigned long long)id);
    pma_timestamp_now(timestamp);
    return make_frame("heartbeat",
                      json_pack("{s:s, s:s, s:s}", "message", "Connected", "connectionId",
                                name, "serverTime", timestamp));
}

int pma_event_client_new(struct pma_event_stream *stream, void *connection, int fd,
                         struct pma_event_client **client)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    struct pma_event_client *fresh =
        calloc(1, sizeof *fresh + stream->config.queue_events * sizeof(struct frame *));
    if (fresh == NULL) {
        return -ENOMEM;
    }
    int err = 0;
    pthread_mutex_lock(&stream->lock);
    if (stream->closing) {
        err = -ESHUTDOWN;
    } else if (stream->stats.clients >= stream->config.max_clients) {
        stream->stats.refused_clients++;
        err = -EBUSY;
    } else {
        fresh->stream = stream;
        fresh->connection = connection;
        fresh->fd = fd;
        fresh->id = ++stream->stats.total_clients;
        fresh->came_ns = fresh->last_sent_ns = pma_now_ns();
        stream->stats.clients++;
        TAILQ_INSERT_TAIL(&stream->clients, fresh, link);
        struct frame *welcome = make_welcome(fresh->id);
        if (welcome != NULL) {
            push(fresh, welcome);
            drop_reference(welcome);
        }
        pma_worker_wake(stream->worker); /* its status is due soon; closing comes first */
    }
    pthread_mutex_unlock(&stream->lock);
    if (err != 0) {
        free(fresh);
        return err;
    }
    *client = fresh;
    return 0;
}

/* Under lock. Takes the first frame out of the queue. */
static void pop(struct pma_event_client *client)
{
    struct frame *frame = client->ring[client->first];
    client->first = (client->first + 1) % client->stream->config.queue_events;
    client->count--;
    client->offset = 0;
    client->stream->stats.queued_events--;
    drop_reference(frame);
}

int64_t pma_event_client_read(void *arg, char *bytes, size_t most)
{
    struct pma_event_client *client = arg;
    struct pma_event_stream *stream = client->stream;
    size_t copied = 0;
    pthread_mutex_lock(&stream->lock);
    while (client->count > 0 && copied < most) {
        const struct pma_buffer *text = client->ring[client->first]->text;
        const size_t left = text->used - client->offset;
        const size_t now = left < most - copied ? left : most - copied;
        memcpy(bytes + copied, text->bytes + client->offset, now);
        copied += now;
        client->offset += now;
        if (client->offset == text->used) {
            pop(client);
        }
    }
    const bool is_over = client->ended || stream->closing;
    if (copied == 0 && !is_over) {
        client->suspended = true;
        stream->hooks.suspend(client->connection); /* I2 */
    }
    pthread_mutex_unlock(&stream->lock);
    if (copied > 0) {
        pma_turn_timer_make(stream->config.keepalive_interval_ns); /* F29 */
    }
    return copied == 0 && is_over ? -1 : (int64_t)copied;
}

void pma_event_client_end(void *arg)
{
    struct pma_event_client *client = arg;
    struct pma_event_stream *stream = client->stream;
    pthread_mutex_lock(&stream->lock);
    while (client->count > 0) {
        pop(client);
    }
    TAILQ_REMOVE(&stream->clients, client, link);
    stream->stats.clients--;
    pthread_mutex_unlock(&stream->lock);
    free(client);
}

/* Whether the peer has closed: nothing else can be read there, for a stream has no more
 * requests. */
static bool is_gone(int fd)
{
    char byte;
    return fd >= 0 && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Ends the clients whose peers have gone. */
static void look_for_the_gone(struct pma_event_stream *stream)
{
    struct pma_event_client *client;
    pthread_mutex_lock(&stream->lock);
    TAILQ_FOREACH(client, &stream->clients, link)
    {
        if (!client->ended && is_gone(client->fd)) {
            client->ended = true;
            wake(client);
        }
    }
    pthread_mutex_unlock(&stream->lock);
}

/* Sends "system_status" to the clients that have come STATUS_DELAY_NS ago. Returns: when
 * the next one is due. */
static uint64_t send_status(struct pma_event_stream *stream)
{
    uint64_t next_ns = UINT64_MAX;
    bool wanted = false;
    struct pma_event_client *client;
    pthread_mutex_lock(&stream->lock);
    TAILQ_FOREACH(client, &stream->clients, link)
    {
        if (!client->has_status) {
            const uint64_t due_ns = client->came_ns + STATUS_DELAY_NS;
            wanted |= due_ns <= pma_now_ns();
            next_ns = due_ns > pma_now_ns() && due_ns < next_ns ? due_ns : next_ns;
        }
    }
    pthread_mutex_unlock(&stream->lock);
    if (!wanted) {
        return next_ns;
    }
    json_t *data =
        stream->hooks.status != NULL ? stream->hooks.status(stream->hooks.arg) : NULL;
    struct frame *frame = make_frame("system_status", data);
    pthread_mutex_lock(&stream->lock);
    TAILQ_FOREACH(client, &stream->clients, link)
    {
        if (!client->has_status && client->came_ns + STATUS_DELAY_NS <= pma_now_ns()) {
            client->has_status = true;
            if (frame != NULL) {
                push(client, frame);
            }
        }
    }
    if (frame != NULL) {
        drop_reference(frame);
    }
    pthread_mutex_unlock(&stream->lock);
    return next_ns;
}

static void send_heartbeat(struct pma_event_stream *stream)
{
    char timestamp[PMA_TIMESTAMP_BYTES];
    pma_timestamp_now(timestamp);
    struct frame *frame =
        make_frame("heartbeat", json_pack("{s:s, s:s}", "message", "Server is alive",
                                          "serverTime", timestamp));
    if (frame == NULL) {
        return;
    }
    pthread_mutex_lock(&stream->lock);
    stream->stats.heartbeats++;
    push_to_all(stream, frame);
    pthread_mutex_unlock(&stream->lock);
}

/* A comment for every client that was silent too long. Returns: when the next one may be
 * due. */
static uint64_t send_keepalives(struct pma_event_stream *stream)
{
    const uint64_t silence_ns = stream->config.keepalive_interval_ns;
    uint64_t next_ns = UINT64_MAX;
    if (silence_ns == 0) {
        return next_ns;
    }
    struct frame *frame = make_keepalive();
    struct pma_event_client *client;
    pthread_mutex_lock(&stream->lock);
    const uint64_t now_ns = pma_now_ns();
    TAILQ_FOREACH(client, &stream->clients, link)
    {
        if (frame != NULL && client->last_sent_ns + silence_ns <= now_ns) {
            push(client, frame);
            client->last_sent_ns = now_ns;
            stream->stats.keepalives++;
        }
        const uint64_t due_ns = client->last_sent_ns + silence_ns;
        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    if (frame != NULL) {
        drop_reference(frame);
    }
    pthread_mutex_unlock(&stream->lock);
    return next_ns;
}

/* The event of a hook's data; not sent when it is the same as *before. */
static void send_figures(struct pma_event_stream *stream, const char *type,
                         json_t *(*read)(void *arg), json_t **before)
{
    json_t *data = read != NULL ? read(stream->hooks.arg) : NULL;
    if (data != NULL && (before == NULL || !json_equal(data, *before))) {
        pma_event_stream_publish(stream, type, data);
        if (before != NULL) {
            json_decref(*before);
            *before = json_incref(data);
        }
    }
    json_decref(data);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Whether `*due_ns` has come; the next time is one interval later. */
static bool is_due(uint64_t *due_ns, uint64_t interval_ns)
{
    const uint64_t now_ns = pma_now_ns();
    if (now_ns < *due_ns) {
        return false;
    }
    *due_ns = now_ns + interval_ns;
    return true;
}

static void run_timer(void *arg, struct pma_cancel *cancel)
{
    struct pma_event_stream *stream = arg;
    const struct pma_event_stream_config *config = &stream->config;
    uint64_t heartbeat_ns = pma_now_ns() + config->heartbeat_interval_ns;
    uint64_t figures_ns = pma_now_ns() + config->figures_interval_ns;
    uint64_t look_ns = 0;
    uint64_t next_ns = 0;
    json_t *connections = NULL;
    for (;;) {
        const uint64_t now_ns = pma_now_ns();
        if (pma_cancel_wait(cancel, next_ns > now_ns ? next_ns - now_ns : 0)) {
            break;
        }
        next_ns = pma_turn_timers_reap();
        if (is_due(&look_ns, LOOK_NS)) {
            look_for_the_gone(stream);
        }
        if (is_due(&heartbeat_ns, config->heartbeat_interval_ns)) {
            send_heartbeat(stream);
        }
        if (is_due(&figures_ns, config->figures_interval_ns) && has_clients(stream)) {
            send_figures(stream, "memory", stream->hooks.memory, NULL);
            send_figures(stream, "connections", stream->hooks.connections, &connections);
        }
        next_ns = earlier(next_ns, send_status(stream));
        next_ns = earlier(next_ns, send_keepalives(stream));
        next_ns = earlier(next_ns, earlier(heartbeat_ns, figures_ns));
        next_ns = has_clients(stream) ? earlier(next_ns, look_ns) : next_ns;
    }
    json_decref(connections);
}

int pma_event_stream_start(struct pma_event_stream *stream)
{
    const struct pma_worker_spec spec = {
        .name = "event-stream", .subsystem = SUBSYSTEM, .run = run_timer, .arg = stream};
    return pma_worker_start(&spec, &stream->worker);
}

int pma_event_stream_stop(struct pma_event_stream *stream, uint64_t timeout_ns)
{
    struct pma_event_client *client;
    pthread_mutex_lock(&stream->lock);
    stream->closing = true;
    TAILQ_FOREACH(client, &stream->clients, link)
    {
        wake(client);
    }
    pthread_mutex_unlock(&stream->lock);
    const int err = pma_worker_stop(stream->worker, timeout_ns);
    if (err == 0) {
        stream->worker = NULL;
    }
    return err;
}

void pma_event_stream_commit_f29(void *arg)
{
    struct pma_event_stream *stream = arg;
    pma_turn_timer_make(stream->config.keepalive_interval_ns);
    pthread_mutex_lock(&stream->lock);
    if (!stream->closing) {
        pma_worker_wake(stream->worker); /* it may be the first that it has to reap */
    }
    pthread_mutex_unlock(&stream->lock);
}

void pma_event_stream_stats_read(struct pma_event_stream *stream,
                                 struct pma_event_stream_stats *stats)
{
    pthread_mutex_lock(&stream->lock);
    *stats = stream->stats;
    pthread_mutex_unlock(&stream->lock);
}
