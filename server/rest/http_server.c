/* libmicrohttpd to handlers.
 *
 * A pool of threads, each with its own epoll; handlers run on them and may not block for
 * long. A request becomes `struct exchange` when its URI is known and ends in
 * request_done, which libmicrohttpd calls in any case: so that is where memory and counts
 * are given back. Bodies are collected in memory up to their limit; what is longer is
 * refused before it is read when Content-Length says so, and otherwise at the byte that
 * is one too many.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rest/http_server.h"

#include "seep/seep.h"
#include "server/arena/arena.h"
#include "server/base/clock.h"
#include "server/config/config_value.h"
#include "server/log/log.h"
#include "server/pool/pool.h"
#include "server/rest/access_log.h"
#include "server/rest/gate.h"
#include "server/rest/http_peers.h"
#include "server/rest/http_request.h"
#include "server/rest/http_response.h"
#include "server/rest/later.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STACK_BYTES   ((size_t)512 * 1024)
#define QUERY_BYTES   256
#define REPLY_BYTES   ((size_t)16 * 1024) /* a reply's head, a piece of a body */
#define LATER_STOP_NS (300 * PMA_MS_NS)   /* for handlers that wait, once they are told */
#define LAST_WORDS_NS (50 * PMA_MS_NS)    /* to send what they said */

struct pma_http {
    struct pma_http_config config;
    struct MHD_Daemon *daemon;
    struct pma_later *later;
    struct pma_http_peers *peers;
    pthread_mutex_t lock; /* PMA_LOCK_HTTP: info */
    pthread_cond_t idle;  /* active_requests became 0 */
    struct pma_http_info info;
};

/* One request, from its URI to its end. */
struct exchange {
    struct pma_http *http;
    uint64_t begin_ns;
    bool begun;       /* the handler callback was called before */
    bool is_answered; /* a reply was queued */
    size_t url_bytes; /* path and query as sent */
    unsigned refusal; /* a status: too large, the rest of the body is thrown away */
    char query[QUERY_BYTES];
    struct pma_buffer *body; /* NULL: none came yet */
    /* The request that was put off, when its reply is there: set before the connection is
     * resumed, which orders it before the next call of the handler callback. */
    struct pma_later_job *late;
    struct MHD_Connection *connection; /* of a request that was put off */
};

static void *request_begun(void *arg, const char *uri, struct MHD_Connection *connection)
{
    struct pma_http *http = arg;
    (void)connection;
    SEEP_SUBSYSTEM("http");
    (void)seep_mark("http request");
    pma_arena_bind("http");
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL) {
        return NULL;
    }
    exchange->http = http;
    exchange->begin_ns = pma_now_ns();
    exchange->url_bytes = strlen(uri);
    const char *query = strchr(uri, '?');
    snprintf(exchange->query, sizeof exchange->query, "%s",
             query != NULL ? query + 1 : "");
    pthread_mutex_lock(&http->lock);
    http->info.active_requests++;
    http->info.requests++;
    pthread_mutex_unlock(&http->lock);
    return exchange;
}

static void connection_changed(void *arg, struct MHD_Connection *connection, void **state,
                               enum MHD_ConnectionNotificationCode code)
{
    struct pma_http *http = arg;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        SEEP_SUBSYSTEM("http");
        const union MHD_ConnectionInfo *fd =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        const union MHD_ConnectionInfo *peer =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        *state = pma_http_peers_open(http->peers, fd->connect_fd,
                                     peer != NULL ? peer->client_addr : NULL);
    } else {
        pma_http_peers_close(http->peers, *state);
        *state = NULL;
    }
    pthread_mutex_lock(&http->lock);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        http->info.connections++;
    } else {
        http->info.connections--;
    }
    pthread_mutex_unlock(&http->lock);
}

/* The connection of a request goes on to another phase. */
static void enter(const struct pma_http *http, struct MHD_Connection *connection,
                  enum pma_http_phase phase, const struct pma_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info != NULL) {
        pma_http_peers_enter(http->peers, info->socket_context, phase,
                             request != NULL ? request->method_text : NULL,
                             request != NULL ? request->path : NULL);
    }
}

static void request_done(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct pma_http *http = arg;
    struct exchange *exchange = *state;
    (void)code;
    if (exchange == NULL) {
        return;
    }
    enter(http, connection, PMA_PHASE_HEAD, NULL);
    if (exchange->late != NULL) {
        json_decref(exchange->late->reply.body);
        free(exchange->late);
    }
    const bool is_answered = exchange->is_answered;
    pma_pool_put(exchange->body);
    free(exchange);
    *state = NULL;
    pthread_mutex_lock(&http->lock);
    http->info.unanswered += is_answered ? 0 : 1;
    if (--http->info.active_requests == 0) {
        pthread_cond_broadcast(&http->idle);
    }
    pthread_mutex_unlock(&http->lock);
}

static void log_access(struct pma_http *http, const struct pma_request *request,
                       unsigned status, uint64_t took_ns)
{
    pthread_mutex_lock(&http->lock);
    http->info.errors_4xx += status >= 400 && status < 500;
    http->info.errors_5xx += status >= 500;
    pthread_mutex_unlock(&http->lock);
    pma_http_count(request, status, took_ns);
    if (http->config.access_log != NULL) {
        pma_access_log_add(http->config.access_log, request, status, took_ns);
    }
}

static void count_refusal(const struct exchange *exchange)
{
    struct pma_http *http = exchange->http;
    pthread_mutex_lock(&http->lock);
    http->info.url_too_long += exchange->refusal == MHD_HTTP_URI_TOO_LONG;
    http->info.body_too_large += exchange->refusal == MHD_HTTP_CONTENT_TOO_LARGE;
    http->info.too_many_headers +=
        exchange->refusal == MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    pthread_mutex_unlock(&http->lock);
}

/* The request as handlers see it; without its body before that has come. client: room for
 * its address, borrowed by the request. */
static struct pma_request make_request(struct MHD_Connection *connection,
                                       const struct exchange *exchange,
                                       const char *method, const char *path,
                                       char client[PMA_ADDRESS_BYTES])
{
    struct pma_request request = {
        .app = exchange->http->config.app,
        .method = pma_method_parse(method),
        .method_text = method,
        .path = path,
        .route = "unmatched",
        .query = exchange->query,
        .body = exchange->body != NULL ? exchange->body->bytes : "",
        .body_bytes = exchange->body != NULL ? exchange->body->used : 0,
    };
    pma_http_request_fill(&request, connection, exchange->http->config.gate, client);
    return request;
}

static enum MHD_Result send_reply(struct MHD_Connection *connection,
                                  struct exchange *exchange,
                                  const struct pma_request *request,
                                  struct pma_reply *reply)
{
    const enum pma_http_phase phase =
        reply->stream.read != NULL ? PMA_PHASE_STREAM : PMA_PHASE_REPLY;
    struct MHD_Response *response = pma_http_response_make(reply);
    if (response == NULL) {
        return MHD_NO;
    }
    enter(exchange->http, connection, phase, NULL);
    const enum MHD_Result queued =
        MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    exchange->is_answered = queued == MHD_YES;
    log_access(exchange->http, request, reply->status, pma_now_ns() - exchange->begin_ns);
    return queued;
}

static void late_reply_made(struct pma_later_job *job)
{
    struct exchange *exchange = job->arg;
    exchange->late = job;
    MHD_resume_connection(exchange->connection);
}

/* Leaves the request to a worker. Returns: false without memory: the reply is a 500. */
static bool put_off(struct MHD_Connection *connection, struct exchange *exchange,
                    const struct pma_request *request, const struct pma_reply *reply)
{
    struct pma_later_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return false;
    }
    job->request = *request;
    snprintf(job->client, sizeof job->client, "%s", request->client);
    job->request.client = job->client;
    job->reply = *reply; /* with the headers that it has by now */
    job->reply.later = NULL;
    job->run = reply->later;
    job->done = late_reply_made;
    job->arg = exchange;
    exchange->connection = connection;
    /* Before it can be resumed. */
    MHD_suspend_connection(connection);
    if (pma_later_put(exchange->http->later, job) != 0) {
        pma_reply_error(&job->reply, request, 503,
                        "Too many requests are waiting (http.later_queue); try again");
        late_reply_made(job);
    }
    return true;
}

/* Says why a request was refused for what it is made of. */
static void reply_refusal(const struct exchange *exchange,
                          const struct pma_request *request, struct pma_reply *reply)
{
    const struct pma_http_config *config = &exchange->http->config;
    switch (exchange->refusal) {
    case MHD_HTTP_URI_TOO_LONG:
        pma_reply_error(reply, request, exchange->refusal,
                        "The URL has %zu bytes; %u are allowed", exchange->url_bytes,
                        config->max_url_bytes);
        break;
    case MHD_HTTP_CONTENT_TOO_LARGE:
        pma_reply_error(reply, request, exchange->refusal,
                        "The body has more than the %llu bytes that are allowed",
                        (unsigned long long)config->max_body_bytes);
        break;
    case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE:
        pma_reply_error(reply, request, exchange->refusal,
                        "The request has more than %u headers", config->max_headers);
        break;
    default: /* no memory: the reply stays a 500 */
        break;
    }
}

/* Runs the handler, or answers with the refusal, and queues the reply. */
static enum MHD_Result answer(struct MHD_Connection *connection,
                              struct exchange *exchange, const char *method,
                              const char *path)
{
    char client[PMA_ADDRESS_BYTES];
    const struct pma_http_config *config = &exchange->http->config;
    struct pma_request request = make_request(connection, exchange, method, path, client);
    struct pma_reply reply = {.status = 500};
    pma_gate_mark(&request, &reply);
    if (exchange->refusal != 0) {
        count_refusal(exchange);
        reply_refusal(exchange, &request, &reply);
    } else {
        enter(exchange->http, connection, PMA_PHASE_WORK, &request);
        pma_router_dispatch(config->routes, config->routes_count, &request, &reply);
    }
    if (reply.later != NULL && put_off(connection, exchange, &request, &reply)) {
        return MHD_YES;
    }
    return send_reply(connection, exchange, &request, &reply);
}

/* What can be refused before the body comes. Returns: a status, 0 for nothing. */
static unsigned refuse_early(struct MHD_Connection *connection,
                             const struct exchange *exchange)
{
    const struct pma_http_config *config = &exchange->http->config;
    if (exchange->url_bytes > config->max_url_bytes) {
        return MHD_HTTP_URI_TOO_LONG;
    }
    if (MHD_get_connection_values(connection, MHD_HEADER_KIND, NULL, NULL) >
        (int)config->max_headers) {
        return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    }
    uint64_t announced = 0;
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length != NULL && pma_parse_count(length, &announced) == 0 &&
        announced > config->max_body_bytes) {
        return MHD_HTTP_CONTENT_TOO_LARGE;
    }
    return 0;
}

/* Lets a request in before its body is read, or answers it. */
static enum MHD_Result admit(struct MHD_Connection *connection, struct exchange *exchange,
                             const char *method, const char *path)
{
    char client[PMA_ADDRESS_BYTES];
    struct pma_gate *gate = exchange->http->config.gate;
    exchange->refusal = refuse_early(connection, exchange);
    if (exchange->refusal != 0) {
        return answer(connection, exchange, method, path);
    }
    if (gate == NULL) {
        return MHD_YES;
    }
    const struct pma_request request =
        make_request(connection, exchange, method, path, client);
    struct pma_reply reply = {.status = 500};
    return pma_gate_admit(gate, &request, &reply)
               ? MHD_YES
               : send_reply(connection, exchange, &request, &reply);
}

/* Keeps a piece of the body. Sets the refusal when it is too much. */
static void collect(struct exchange *exchange, const char *piece, size_t piece_bytes)
{
    if (exchange->refusal != 0) {
        return;
    }
    if (exchange->body == NULL) {
        exchange->body = pma_pool_get(PMA_POOL_BUFFER);
    }
    if (exchange->body == NULL) {
        exchange->refusal = MHD_HTTP_INTERNAL_SERVER_ERROR;
    } else if (exchange->body->used + piece_bytes >
               exchange->http->config.max_body_bytes) {
        exchange->refusal = MHD_HTTP_CONTENT_TOO_LARGE;
    } else {
        pma_buffer_append(exchange->body, piece, piece_bytes);
        if (exchange->body->failed) {
            exchange->refusal = MHD_HTTP_INTERNAL_SERVER_ERROR;
        }
    }
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's. */
static enum MHD_Result handle(void *arg, struct MHD_Connection *connection,
                              const char *path, const char *method, const char *version,
                              const char *piece, size_t *piece_bytes, void **state)
{
    struct exchange *exchange = *state;
    (void)arg;
    (void)version;
    SEEP_SUBSYSTEM("http");
    if (exchange == NULL) {
        return MHD_NO;
    }
    if (!exchange->begun) {
        exchange->begun = true;
        enter(exchange->http, connection, PMA_PHASE_BODY, NULL);
        return admit(connection, exchange, method, path);
    }
    if (exchange->late != NULL) {
        struct pma_later_job *job = exchange->late;
        return send_reply(connection, exchange, &job->request, &job->reply);
    }
    if (*piece_bytes > 0) {
        collect(exchange, piece, *piece_bytes);
        *piece_bytes = 0;
        return MHD_YES;
    }
    return answer(connection, exchange, method, path);
}

__attribute__((format(printf, 2, 0))) static void
log_library(void *arg, const char *format, va_list arguments)
{
    char text[256];
    (void)arg;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    pma_log(PMA_LOG_DEBUG, "libmicrohttpd", pma_str("detail", text));
}

static struct MHD_Daemon *start_daemon(struct pma_http *http)
{
    const struct pma_http_config *config = &http->config;
    const uint32_t threads = config->threads < config->max_connections
                                 ? config->threads
                                 : config->max_connections;
    /* The pool of one connection holds its head, its reply's head and a piece of a body.
     */
    const size_t pool_bytes = (size_t)config->max_head_bytes + REPLY_BYTES;
    const unsigned idle_s = (unsigned)(config->idle_timeout_ns / PMA_S_NS);
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log_library, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)request_begun, http},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_done, http},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_changed, http},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)config->max_connections, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)pool_bytes, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)idle_s, NULL},
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)(threads > 1 ? threads : 0), NULL},
        {MHD_OPTION_THREAD_STACK_SIZE, (intptr_t)STACK_BYTES, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    SEEP_SUBSYSTEM("http");
    return MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG,
        0, NULL, NULL, handle, http, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

static void tick(void *arg)
{
    const struct pma_http *http = arg;
    if (http->config.access_log != NULL) {
        pma_access_log_sweep(http->config.access_log);
    }
    if (http->config.gate != NULL) {
        pma_gate_sweep(http->config.gate);
    }
}

static int make_peers(struct pma_http *http)
{
    const struct pma_http_config *config = &http->config;
    const struct pma_http_peers_config settings = {
        .max_connections = config->max_connections,
        .max_per_address = config->max_per_address,
        /* A silent connection is libmicrohttpd's to end; what is left is a slow head. */
        .head_timeout_ns = config->idle_timeout_ns + config->head_timeout_ns,
        .read_timeout_ns = config->read_timeout_ns,
        .write_timeout_ns = config->write_timeout_ns,
        .is_guarded = config->is_guarded,
        .tick = tick,
        .tick_arg = http,
    };
    return pma_http_peers_new(&settings, &http->peers);
}

int pma_http_start(const struct pma_http_config *config, struct pma_http **http)
{
    struct pma_http *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&fresh->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&fresh->lock, NULL);
    int err = make_peers(fresh);
    if (err != 0) {
        goto fail_peers;
    }
    err = pma_later_start(config->later_threads, config->later_queue, &fresh->later);
    if (err != 0) {
        goto fail_later;
    }
    fresh->daemon = start_daemon(fresh);
    if (fresh->daemon == NULL) {
        err = -EIO;
        goto fail_daemon;
    }
    *http = fresh;
    return 0;

fail_daemon:
    pma_later_stop(fresh->later, UINT64_MAX);
fail_later:
    pma_http_peers_free(fresh->peers);
fail_peers:
    pthread_cond_destroy(&fresh->idle);
    pthread_mutex_destroy(&fresh->lock);
    free(fresh);
    return err;
}

int pma_http_adopt(struct pma_http *http, int fd, const struct sockaddr *peer,
                   socklen_t peer_bytes)
{
    SEEP_SUBSYSTEM("http");
    return MHD_add_connection(http->daemon, fd, peer, peer_bytes) == MHD_YES ? 0 : -EBUSY;
}

bool pma_http_is_full(struct pma_http *http)
{
    struct pma_http_info info;
    pma_http_info_read(http, &info);
    return info.connections >= http->config.max_connections;
}

bool pma_http_refuse(struct pma_http *http, const struct sockaddr *peer)
{
    return pma_http_peers_refuse(http->peers, peer);
}

/* Returns: how many requests still run. */
static uint32_t drain(struct pma_http *http, uint64_t ns)
{
    const struct timespec until = pma_monotonic_after(ns);
    int err = 0;
    pthread_mutex_lock(&http->lock);
    while (err == 0 && http->info.active_requests > 0) {
        err = pthread_cond_timedwait(&http->idle, &http->lock, &until);
    }
    const uint32_t left = http->info.active_requests;
    pthread_mutex_unlock(&http->lock);
    return left;
}

int pma_http_stop(struct pma_http *http, uint64_t drain_ns)
{
    if (http == NULL) {
        return 0;
    }
    uint32_t cut = drain(http, drain_ns);
    /* A suspended connection has to be resumed before the daemon stops. */
    if (pma_later_stop(http->later, LATER_STOP_NS) != 0) {
        pma_http_peers_report(http->peers);
        return -EBUSY;
    }
    cut = cut > 0 ? drain(http, LAST_WORDS_NS) : 0;
    if (cut > 0) {
        pma_log(PMA_LOG_WARN, "Requests cut off by the shutdown",
                pma_u64("requests", cut));
        pma_http_peers_report(http->peers);
    }
    MHD_stop_daemon(http->daemon);
    pma_http_peers_free(http->peers);
    pthread_cond_destroy(&http->idle);
    pthread_mutex_destroy(&http->lock);
    free(http);
    return cut > 0 ? -ETIMEDOUT : 0;
}

void pma_http_info_read(struct pma_http *http, struct pma_http_info *info)
{
    pthread_mutex_lock(&http->lock);
    *info = http->info;
    pthread_mutex_unlock(&http->lock);
    struct pma_later_info later;
    pma_later_info_read(http->later, &later);
    info->later_queued = later.queued;
    info->later_running = later.running;
    info->later_refused = later.refused;
    struct pma_http_peers_stats peers;
    pma_http_peers_stats_read(http->peers, &peers);
    info->addresses = peers.addresses;
    info->refused_address = peers.refused_address;
    info->late_heads = peers.late_heads;
    info->late_bodies = peers.late_bodies;
    info->late_replies = peers.late_replies;
}
