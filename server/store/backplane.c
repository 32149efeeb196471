/* The backplane's thread: two connections, one that listens (Redis allows nothing else on
 * it) and one that publishes, and a queue between it and everybody else.
 *
 * The thread sleeps in poll on the listening socket and an eventfd. Publishing is a
 * pipeline of up to BATCH messages whose replies are read at once. A message leaves the
 * queue when Redis has acknowledged it; when the connection breaks in between, it is sent
 * a second time after the return, and receivers know it by its number. Numbers tell them
 * also what they have missed.
 *
 * Rejected: Redis Streams, which would lose nothing over an outage of the receiver. They
 * keep every event of every backend in Redis, need trimming and a cursor per backend, and
 * events here are hints to clients: what is true is in the entities and the database.
 *
 * I1: sockets are touched by the thread alone; the queue and the figures under the lock;
 *     never both at one time.
 * I2: what arrives goes to the hub's local delivery, which never publishes: no loops.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/store/backplane.h"

#include "seep/seep.h"
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/store/backplane_message.h"
#include "server/store/backplane_peers.h"
#include "server/store/backplane_queue.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SUBSYSTEM "store"
#define BATCH     64
#define WHY_BYTES 160

struct listener {
    char channel[PMA_CHANNEL_BYTES]; /* as Redis has it */
    pma_backplane_handler *handler;
    void *arg;
};

struct backplane_figures {
    uint64_t published, received, own, duplicates, missed, malformed;
    uint64_t refused, too_large, returns, connects, connect_failures, outages;
};

struct pma_backplane {
    struct pma_backplane_config config;
    char origin[PMA_ORIGIN_BYTES];
    struct listener listeners[PMA_BACKPLANE_CHANNELS_MAX]; /* constant after start */
    size_t listeners_count;
    struct pma_worker *worker; /* of the owner thread */
    int wake_fd;               /* eventfd: written by anybody, read by the thread */

    /* Of the thread alone (I1). */
    redisContext *listening, *publishing; /* both NULL: away */
    uint64_t heard_at_ns; /* when the listening one last brought anything */
    bool is_asked;        /* PING went out since then */
    uint32_t attempts;
    uint64_t next_try_ns;
    struct pma_peers peers;

    pthread_mutex_t lock; /* PMA_LOCK_BACKPLANE; guards all below */
    struct pma_backplane_queue queue;
    uint64_t sequence; /* of the newest message */
    bool is_up;
    char why[WHY_BYTES]; /* the last failure */
    struct backplane_figures figures;
};

static bool is_config_valid(const struct pma_backplane_config *config)
{
    return config->max_queue_messages >= 1 && config->max_message_bytes >= 1 &&
           config->health_interval_ns >= PMA_MS_NS && config->backoff_min_ns >= 1 &&
           config->backoff_max_ns >= config->backoff_min_ns &&
           strlen(config->key_prefix) < PMA_CHANNEL_BYTES / 2;
}

int pma_backplane_new(const struct pma_backplane_config *config,
                      struct pma_backplane **backplane)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    int err = -ENOMEM;
    if (!is_config_valid(config)) {
        return -EINVAL;
    }
    struct pma_backplane *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    pma_backplane_queue_init(&fresh->queue, config->max_queue_messages);
    pma_origin_draw(fresh->origin);
    fresh->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fresh->wake_fd < 0) {
        err = -errno;
        goto fail_wake;
    }
    if (pthread_mutex_init(&fresh->lock, NULL) != 0) {
        goto fail_lock;
    }
    *backplane = fresh;
    return 0;

fail_lock:
    close(fresh->wake_fd);
fail_wake:
    free(fresh);
    return err;
}

static void full_channel(const struct pma_backplane *backplane, const char *channel,
                         char full[PMA_CHANNEL_BYTES])
{
    snprintf(full, PMA_CHANNEL_BYTES, "%sbus:%s", backplane->config.key_prefix, channel);
}

int pma_backplane_listen(struct pma_backplane *backplane, const char *channel,
                         pma_backplane_handler *handler, void *arg)
{
    if (backplane->listeners_count == PMA_BACKPLANE_CHANNELS_MAX) {
        return -ENOSPC;
    }
    struct listener *listener = &backplane->listeners[backplane->listeners_count++];
    *listener = (struct listener){.handler = handler, .arg = arg};
    full_channel(backplane, channel, listener->channel);
    return 0;
}

static void wake(struct pma_backplane *backplane)
{
    const uint64_t one = 1;
    /* Only a full counter refuses, and then the thread is awake. */
    if (write(backplane->wake_fd, &one, sizeof one) < 0) {
        return;
    }
}

void pma_backplane_publish(struct pma_backplane *backplane, const char *channel,
                           const json_t *body)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (backplane == NULL) {
        return;
    }
    char *text = NULL;
    char full[PMA_CHANNEL_BYTES];
    full_channel(backplane, channel, full);
    pthread_mutex_lock(&backplane->lock);
    int err = pma_backplane_encode(backplane->origin, backplane->sequence + 1, body,
                                   backplane->config.max_message_bytes, &text);
    if (err == 0) {
        backplane->sequence++;
        err = pma_backplane_queue_add(&backplane->queue, full, text);
    }
    backplane->figures.too_large += err == -EMSGSIZE;
    backplane->figures.refused += err != 0 && err != -EMSGSIZE;
    pthread_mutex_unlock(&backplane->lock);
    if (err == 0) {
        wake(backplane);
    }
}

/* Closes both connections. err_text: borrowed from one of them, or NULL: on purpose. */
static void disconnect(struct pma_backplane *backplane, const char *err_text)
{
    char why[WHY_BYTES] = "";
    snprintf(why, sizeof why, "%s", err_text != NULL ? err_text : "");
    if (backplane->listening != NULL) {
        redisFree(backplane->listening);
        backplane->listening = NULL;
    }
    if (backplane->publishing != NULL) {
        redisFree(backplane->publishing);
        backplane->publishing = NULL;
    }
    pthread_mutex_lock(&backplane->lock);
    const bool was_up = backplane->is_up;
    backplane->is_up = false;
    if (err_text != NULL) {
        backplane->figures.outages += was_up;
        memcpy(backplane->why, why, sizeof why);
    }
    pthread_mutex_unlock(&backplane->lock);
    if (was_up && err_text != NULL) {
        pma_log(PMA_LOG_WARN, "The backplane is down; events wait for Redis",
                pma_str("error", why));
    }
}

/* Asks for all channels at once; Redis' answers come as what is heard. */
static int subscribe(struct pma_backplane *backplane)
{
    const char *argv[PMA_BACKPLANE_CHANNELS_MAX + 1] = {"SUBSCRIBE"};
    int done = 0;
    for (size_t i = 0; i < backplane->listeners_count; i++) {
        argv[i + 1] = backplane->listeners[i].channel;
    }
    if (redisAppendCommandArgv(backplane->listening, (int)backplane->listeners_count + 1,
                               argv, NULL) != REDIS_OK) {
        return -ENOMEM;
    }
    while (done == 0) {
        if (redisBufferWrite(backplane->listening, &done) != REDIS_OK) {
            return -EIO;
        }
    }
    return 0;
}

static int open_links(struct pma_backplane *backplane, char why[WHY_BYTES])
{
    const struct pma_redis_address *address = &backplane->config.address;
    int err = pma_redis_link_open(address, &backplane->listening, why, WHY_BYTES);
    if (err == 0) {
        err = pma_redis_link_open(address, &backplane->publishing, why, WHY_BYTES);
    }
    if (err == 0) {
        err = subscribe(backplane);
        if (err != 0) {
            snprintf(why, WHY_BYTES, "%s", pma_redis_link_why(backplane->listening));
        }
    }
    return err;
}

/* Connects, when the time has come. It counts as failed until Redis has confirmed that we
 * listen (begin_listening). */
static void connect_links(struct pma_backplane *backplane)
{
    char why[WHY_BYTES] = "";
    if (pma_now_ns() < backplane->next_try_ns) {
        return;
    }
    const int err = open_links(backplane, why);
    if (err != 0) {
        disconnect(backplane, why);
    }
    backplane->heard_at_ns = pma_now_ns();
    backplane->is_asked = false;
    backplane->attempts++;
    backplane->next_try_ns =
        pma_redis_retry_at_ns(backplane->config.backoff_min_ns,
                              backplane->config.backoff_max_ns, backplane->attempts);
    pthread_mutex_lock(&backplane->lock);
    backplane->figures.connects += err == 0;
    backplane->figures.connect_failures += err != 0;
    pthread_mutex_unlock(&backplane->lock);
}

static void begin_listening(struct pma_backplane *backplane)
{
    backplane->attempts = 0;
    backplane->next_try_ns = 0;
    pthread_mutex_lock(&backplane->lock);
    backplane->is_up = true;
    backplane->figures.returns++;
    pthread_mutex_unlock(&backplane->lock);
    pma_log(PMA_LOG_INFO, "The backplane is up", pma_str("origin", backplane->origin));
}

/* Sends what waits. Returns: 0; -EIO: the connection broke, what is left waits on. */
static int publish_batch(struct pma_backplane *backplane, bool *is_more)
{
    struct pma_waiting_list batch;
    struct pma_waiting *waiting = NULL;
    uint32_t published = 0;
    int err = 0;
    pthread_mutex_lock(&backplane->lock);
    *is_more = pma_backplane_queue_take(&backplane->queue, &batch, BATCH) == BATCH;
    pthread_mutex_unlock(&backplane->lock);
    STAILQ_FOREACH(waiting, &batch, next)
    {
        redisAppendCommand(backplane->publishing, "PUBLISH %s %s", waiting->channel,
                           waiting->text);
    }
    while (err == 0 && !STAILQ_EMPTY(&batch)) {
        void *reply = NULL;
        err = redisGetReply(backplane->publishing, &reply) == REDIS_OK ? 0 : -EIO;
        if (err == 0) {
            pma_backplane_queue_drop_first(&batch);
            freeReplyObject(reply);
            published++;
        }
    }
    pthread_mutex_lock(&backplane->lock);
    pma_backplane_queue_give_back(&backplane->queue, &batch);
    backplane->figures.published += published;
    pthread_mutex_unlock(&backplane->lock);
    return err;
}

static void publish_all(struct pma_backplane *backplane)
{
    bool is_more = true;
    while (is_more && backplane->publishing != NULL) {
        if (publish_batch(backplane, &is_more) != 0) {
            disconnect(backplane, pma_redis_link_why(backplane->publishing));
        }
    }
}

/* Hands one message to its listener. Returns: the figure that it counts for. */
static uint64_t *dispatch(struct pma_backplane *backplane,
                          const struct listener *listener, const redisReply *payload,
                          uint64_t *missed)
{
    struct backplane_figures *figures = &backplane->figures;
    struct pma_backplane_message message;
    if (pma_backplane_decode(payload->str, payload->len,
                             backplane->config.max_message_bytes, &message) != 0) {
        return &figures->malformed;
    }
    uint64_t *counter = &figures->received;
    if (strcmp(message.from, backplane->origin) == 0) {
        counter = &figures->own;
    } else if (!pma_peers_accept(&backplane->peers, message.from, message.sequence,
                                 missed)) {
        counter = &figures->duplicates;
    } else if (!listener->handler(listener->arg, message.body)) {
        counter = &figures->malformed;
    }
    json_decref(message.body);
    return counter;
}

/* Whether Redis confirms the last of our channels. */
static bool is_listening(const struct pma_backplane *backplane, const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
           reply->element[0]->type == REDIS_REPLY_STRING &&
           strcmp(reply->element[0]->str, "subscribe") == 0 &&
           reply->element[2]->type == REDIS_REPLY_INTEGER &&
           reply->element[2]->integer == (long long)backplane->listeners_count;
}

/* One answer on the listening connection. */
static void hear(struct pma_backplane *backplane, const redisReply *reply)
{
    uint64_t *counter = NULL;
    uint64_t missed = 0;
    if (is_listening(backplane, reply)) {
        begin_listening(backplane);
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        strcmp(reply->element[0]->str, "message") != 0 ||
        reply->element[1]->type != REDIS_REPLY_STRING ||
        reply->element[2]->type != REDIS_REPLY_STRING) {
        return; /* of SUBSCRIBE or PING */
    }
    for (size_t i = 0; i < backplane->listeners_count && counter == NULL; i++) {
        const struct listener *listener = &backplane->listeners[i];
        if (strcmp(reply->element[1]->str, listener->channel) == 0) {
            counter = dispatch(backplane, listener, reply->element[2], &missed);
        }
    }
    pthread_mutex_lock(&backplane->lock);
    if (counter != NULL) {
        ++*counter;
    }
    backplane->figures.missed += missed;
    pthread_mutex_unlock(&backplane->lock);
}

/* Reads what the listening socket has. */
static void listen_once(struct pma_backplane *backplane)
{
    redisContext *link = backplane->listening;
    void *reply = NULL;
    int status = redisBufferRead(link);
    while (status == REDIS_OK) {
        status = redisGetReplyFromReader(link, &reply);
        if (status != REDIS_OK || reply == NULL) {
            break;
        }
        hear(backplane, reply);
        freeReplyObject(reply);
        reply = NULL;
    }
    backplane->heard_at_ns = pma_now_ns();
    backplane->is_asked = false;
    if (status != REDIS_OK) {
        disconnect(backplane, pma_redis_link_why(link));
    }
}

/* The silence after which a Redis that was asked is given up. */
static uint64_t silence_max_ns(const struct pma_backplane *backplane)
{
    const uint64_t interval_ns = backplane->config.health_interval_ns;
    const uint64_t answer_ns = backplane->config.address.command_timeout_ns;
    return interval_ns + (answer_ns > interval_ns ? answer_ns : interval_ns);
}

/* After a silence: asks once, and gives up when that brings nothing either. */
static void check_silence(struct pma_backplane *backplane)
{
    redisContext *link = backplane->listening;
    const uint64_t interval_ns = backplane->config.health_interval_ns;
    const uint64_t silence_ns = pma_now_ns() - backplane->heard_at_ns;
    int done = 0;
    if (backplane->is_asked && silence_ns >= silence_max_ns(backplane)) {
        disconnect(backplane, "no answer within the time limit");
    } else if (!backplane->is_asked && silence_ns >= interval_ns) {
        backplane->is_asked = true;
        if (redisAppendCommand(link, "PING") != REDIS_OK ||
            redisBufferWrite(link, &done) != REDIS_OK) {
            disconnect(backplane, pma_redis_link_why(link));
        }
    }
}

/* Sleeps until there is something to do. */
static void await_work(struct pma_backplane *backplane)
{
    uint64_t drained = 0;
    const uint64_t now_ns = pma_now_ns();
    uint64_t until_ns = backplane->next_try_ns;
    struct pollfd fds[] = {{.fd = backplane->wake_fd, .events = POLLIN},
                           {.fd = -1, .events = POLLIN}};
    if (backplane->listening != NULL) {
        fds[1].fd = backplane->listening->fd;
        until_ns = backplane->heard_at_ns + (backplane->is_asked
                                                 ? silence_max_ns(backplane)
                                                 : backplane->config.health_interval_ns);
    }
    const uint64_t wait_ms = until_ns > now_ns ? (until_ns - now_ns) / PMA_MS_NS + 1 : 0;
    poll(fds, 2, wait_ms < 3600000 ? (int)wait_ms : 3600000);
    if ((fds[0].revents & POLLIN) != 0 &&
        read(backplane->wake_fd, &drained, sizeof drained) < 0) {
        return; /* somebody was faster: there is none */
    }
    if (fds[1].revents != 0) {
        listen_once(backplane);
    }
}

static void run_backplane(void *arg, struct pma_cancel *cancel)
{
    struct pma_backplane *backplane = arg;
    while (!pma_cancel_requested(cancel)) {
        if (backplane->listening == NULL) {
            connect_links(backplane);
        }
        publish_all(backplane);
        await_work(backplane);
        if (backplane->listening != NULL) {
            check_silence(backplane);
        }
    }
    publish_all(backplane);
    disconnect(backplane, NULL);
}

int pma_backplane_start(struct pma_backplane *backplane)
{
    const struct pma_worker_spec spec = {.name = "backplane",
                                         .subsystem = SUBSYSTEM,
                                         .run = run_backplane,
                                         .arg = backplane};
    return pma_worker_start(&spec, &backplane->worker);
}

uint64_t pma_backplane_returns(struct pma_backplane *backplane)
{
    if (backplane == NULL) {
        return 0;
    }
    pthread_mutex_lock(&backplane->lock);
    const uint64_t returns = backplane->figures.returns;
    pthread_mutex_unlock(&backplane->lock);
    return returns;
}

uint32_t pma_backplane_waiting(struct pma_backplane *backplane)
{
    if (backplane == NULL) {
        return 0;
    }
    pthread_mutex_lock(&backplane->lock);
    const uint32_t queued = backplane->queue.count;
    pthread_mutex_unlock(&backplane->lock);
    return queued;
}

json_t *pma_backplane_stats_json(struct pma_backplane *backplane)
{
    SEEP_SUBSYSTEM(SUBSYSTEM);
    if (backplane == NULL) {
        return json_pack("{s:b}", "enabled", 0);
    }
    pthread_mutex_lock(&backplane->lock);
    const struct backplane_figures figures = backplane->figures;
    const uint64_t dropped = backplane->queue.dropped;
    json_t *stats =
        json_pack("{s:b, s:s, s:s, s:I, s:I, s:s*}", "enabled", 1, "state",
                  backplane->is_up ? "up" : "away", "origin", backplane->origin,
                  "waiting", (json_int_t)backplane->queue.count, "max_queue_messages",
                  (json_int_t)backplane->config.max_queue_messages, "last_error",
                  backplane->why[0] != '\0' ? backplane->why : NULL);
    pthread_mutex_unlock(&backplane->lock);
    json_t *counters = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "published",
        (json_int_t)figures.published, "received", (json_int_t)figures.received, "own",
        (json_int_t)figures.own, "duplicates", (json_int_t)figures.duplicates, "missed",
        (json_int_t)figures.missed, "malformed", (json_int_t)figures.malformed, "dropped",
        (json_int_t)dropped + (json_int_t)figures.refused, "too_large",
        (json_int_t)figures.too_large, "connects", (json_int_t)figures.connects,
        "connect_failures", (json_int_t)figures.connect_failures, "outages",
        (json_int_t)figures.outages);
    json_object_update_missing(stats, counters);
    json_decref(counters);
    return stats;
}

int pma_backplane_stop(struct pma_backplane *backplane, uint64_t timeout_ns)
{
    if (backplane == NULL || backplane->worker == NULL) {
        return 0;
    }
    pma_worker_cancel(backplane->worker);
    wake(backplane);
    const int err = pma_worker_stop(backplane->worker, timeout_ns);
    if (err == 0) {
        backplane->worker = NULL;
    }
    return err;
}

void pma_backplane_free(struct pma_backplane *backplane)
{
    if (backplane == NULL) {
        return;
    }
    pma_backplane_queue_fini(&backplane->queue);
    pthread_mutex_destroy(&backplane->lock);
    close(backplane->wake_fd);
    free(backplane);
}
