/* libmicrohttpd on one side, a loop that makes answers on the other.
 *
 * The server's thread never looks at a recording. A request is checked (serve_gate), read
 * (serve_target) and answered from what is kept (serve_cache); else its connection is
 * suspended and waits in a list, and the loop is woken. Requests for the same thing are
 * answered by one making.
 *
 * One lock guards the list, the cache and the listeners; nothing slow happens under it.
 *
 * I1: a connection that is suspended is in `waiting`, or is a listener that sleeps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_web.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "serve/serve_cache.h"
#include "serve/serve_events.h"
#include "serve/serve_listen.h"
#include "serve/serve_reply.h"

enum {
    IDLE_TIMEOUT_S = 10,
    POOL_BYTES = 32 * 1024, /* per connection; heads beyond 8 KiB are refused by us */
    STACK_BYTES = 256 * 1024,
    PARAMETERS_MOST = 16
};

struct exchange {
    struct MHD_Connection *connection;
    struct exchange *next; /* of those that wait */
    struct seep_target target;
    char key[SEEP_TARGET_KEY_BYTES];
    struct seep_answer *answer; /* owned; made while it was suspended */
    bool greet;                 /* the token came with the address */
};

struct seep_web {
    struct MHD_Daemon *daemon;
    struct seep_gate gate; /* of the server's thread */
    int wake_fd;
    pthread_mutex_t lock;
    struct exchange *waiting; /* oldest first */
    size_t waiting_count;
    struct seep_cache cache;
    struct seep_events events;
    bool busy, closing;
    struct seep_web_counts counts;
};

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static enum MHD_Result add_head(void *arg, enum MHD_ValueKind kind, const char *name,
                                const char *value)
{
    struct seep_gate_request *request = arg;
    const struct {
        const char *name;
        const char **to;
    } known[] = {{"Host", &request->host},
                 {"Origin", &request->origin},
                 {"Authorization", &request->authorization},
                 {"Cookie", &request->cookie},
                 {"Sec-Fetch-Site", &request->fetch_site},
                 {"Sec-Fetch-Mode", &request->fetch_mode},
                 {"Content-Length", &request->content_length},
                 {"Transfer-Encoding", &request->transfer_encoding}};
    (void)kind;

    value = value != NULL ? value : "";
    request->head_bytes += strlen(name) + strlen(value) + 4;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcasecmp(name, known[i].name) == 0) {
            request->many_hosts |= i == 0 && request->host != NULL;
            *known[i].to = value;
        }
    }
    return MHD_YES;
}

struct parameters {
    struct seep_target_parameter at[PARAMETERS_MOST];
    size_t count;
    size_t bytes;
};

static enum MHD_Result add_parameter(void *arg, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    struct parameters *parameters = arg;
    (void)kind;

    if (parameters->count < PARAMETERS_MOST) {
        parameters->at[parameters->count] = (struct seep_target_parameter){name, value};
    }
    parameters->count++;
    parameters->bytes += strlen(name) + (value != NULL ? strlen(value) : 0) + 2;
    return MHD_YES;
}

static enum MHD_Result reply(struct exchange *exchange, struct MHD_Connection *connection,
                             struct seep_answer *answer, const struct seep_web *web)
{
    const char *token = exchange->greet ? web->gate.token : NULL;

    exchange->greet = false;
    return seep_reply_send(connection, answer,
                           &(struct seep_reply_cookie){web->gate.cookie, token});
}

static enum MHD_Result refuse(struct seep_web *web, struct exchange *exchange,
                              struct MHD_Connection *connection, int status,
                              const char *words)
{
    (void)pthread_mutex_lock(&web->lock);
    web->counts.refused_requests++;
    (void)pthread_mutex_unlock(&web->lock);
    return reply(exchange, connection, seep_answer_error((unsigned)status, "%s", words),
                 web);
}

/* Checks a request's head and reads what it asks for. Returns: 0; a status. */
static int admit(struct seep_web *web, struct exchange *exchange, const char *method,
                 const char *path, struct seep_error *error)
{
    struct MHD_Connection *connection = exchange->connection;
    struct seep_gate_request request = {.method = method, .path = path};
    struct parameters parameters = {0};
    int word = 0;

    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, add_head, &request);
    (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_parameter,
                                    &parameters);
    request.head_bytes += strlen(path) + parameters.bytes;
    for (size_t i = 0; i < parameters.count && i < PARAMETERS_MOST; i++) {
        if (strcmp(parameters.at[i].name, "token") == 0) {
            request.token = parameters.at[i].value != NULL ? parameters.at[i].value : "";
        }
    }
    word = seep_gate_decide(&web->gate, &request, monotonic_ns(), error);
    if (word != SEEP_GATE_OPEN && word != SEEP_GATE_GREET) {
        return word;
    }
    exchange->greet = word == SEEP_GATE_GREET;
    if (parameters.count > PARAMETERS_MOST) {
        (void)seep_error_set(error, -EINVAL, "more parameters than anything here takes");
        return 400;
    }
    return seep_target_parse(path, parameters.at, parameters.count, &exchange->target,
                             error);
}

/* Puts the exchange to those that wait. Returns: false: too many do, or we end. */
static bool put_off(struct seep_web *web, struct exchange *exchange)
{
    struct exchange **at = &web->waiting;

    if (web->closing || web->waiting_count >= SEEP_WEB_WAITING) {
        return false;
    }
    while (*at != NULL) {
        at = &(*at)->next;
    }
    exchange->next = NULL;
    *at = exchange;
    web->waiting_count++;
    MHD_suspend_connection(exchange->connection);
    return true;
}

/* What is asked of recordings: at once, or later. */
static enum MHD_Result ask(struct seep_web *web, struct exchange *exchange)
{
    struct seep_answer *answer = NULL;
    bool later = false;
    const uint64_t one = 1;

    seep_target_key(&exchange->target, exchange->key);
    (void)pthread_mutex_lock(&web->lock);
    answer = seep_cache_get(&web->cache, exchange->key, web->busy, monotonic_ns());
    later = answer == NULL && put_off(web, exchange);
    (void)pthread_mutex_unlock(&web->lock);
    if (later) {
        (void)!write(web->wake_fd, &one, sizeof(one));
        return MHD_YES;
    }
    if (answer == NULL) {
        answer = seep_answer_error(503, "too many requests wait; try again in a second");
        if (answer != NULL) {
            answer->retry_after_s = 1;
        }
    }
    return reply(exchange, exchange->connection, answer, web);
}

static enum MHD_Result listen_in(struct seep_web *web, struct exchange *exchange)
{
    struct MHD_Response *response =
        seep_events_listen(&web->events, exchange->connection, monotonic_ns());

    if (response == NULL) {
        struct seep_answer *answer =
            seep_answer_error(503, "%d listen already; poll /api/v1/recordings instead",
                              SEEP_EVENTS_LISTENERS);

        if (answer != NULL) {
            answer->retry_after_s = 10;
        }
        return reply(exchange, exchange->connection, answer, web);
    }
    return seep_reply_send_stream(exchange->connection, response);
}

static enum MHD_Result answer_now(struct seep_web *web, struct exchange *exchange)
{
    struct seep_answer *answer = exchange->answer;

    if (answer != NULL) { /* it was made while we slept */
        exchange->answer = NULL;
        return reply(exchange, exchange->connection, answer, web);
    }
    switch (exchange->target.kind) {
    case SEEP_TARGET_PAGE:
        if (exchange->greet) {
            exchange->greet = false;
            return seep_reply_greet(
                exchange->connection,
                &(struct seep_reply_cookie){web->gate.cookie, web->gate.token});
        }
        return seep_reply_send_file(exchange->connection, "index.html");
    case SEEP_TARGET_ASSET:
        return seep_reply_send_file(exchange->connection, exchange->target.name);
    case SEEP_TARGET_EVENTS:
        return listen_in(web, exchange);
    default:
        return ask(web, exchange);
    }
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's. */
static enum MHD_Result handle(void *arg, struct MHD_Connection *connection,
                              const char *path, const char *method, const char *version,
                              const char *piece, size_t *piece_bytes, void **state)
{
    struct seep_web *web = arg;
    struct exchange *exchange = *state;
    struct seep_error error = {0};
    (void)version;
    (void)piece;

    if (exchange != NULL) {
        *piece_bytes = 0; /* a body was refused by its announcement */
        return answer_now(web, exchange);
    }
    exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return MHD_NO;
    }
    exchange->connection = connection;
    *state = exchange;
    (void)pthread_mutex_lock(&web->lock);
    web->counts.requests++;
    (void)pthread_mutex_unlock(&web->lock);

    int status = admit(web, exchange, method, path, &error);

    return status == 0 ? MHD_YES
                       : refuse(web, exchange, connection, status, error.message);
}

static void request_done(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *state;
    (void)arg;
    (void)connection;
    (void)code;

    if (exchange != NULL) {
        seep_answer_release(exchange->answer);
        free(exchange);
        *state = NULL;
    }
}

static struct MHD_Daemon *start_daemon(struct seep_web *web, int fd)
{
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)request_done, web},
        {MHD_OPTION_CONNECTION_LIMIT, SEEP_WEB_CONNECTIONS, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, NULL},
        {MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, NULL},
        {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
                            NULL, NULL, handle, web, MHD_OPTION_ARRAY, options,
                            MHD_OPTION_END);
}

int seep_web_start(struct seep_gate *gate, int listen_fd, struct seep_web **web,
                   struct seep_error *error)
{
    struct seep_web *made = calloc(1, sizeof(*made));
    int fd = listen_fd;

    if (made == NULL) {
        return seep_error_set(error, -ENOMEM, "out of memory");
    }
    (void)pthread_mutex_init(&made->lock, NULL);
    made->events.lock = &made->lock;
    made->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made->wake_fd < 0) {
        fd = seep_error_set(error, -errno, "eventfd: %s", strerrordesc_np(errno));
    } else if (fd < 0) {
        fd = seep_listen_open(gate, error);
    }
    if (fd < 0) {
        goto fail_socket;
    }
    (void)snprintf(gate->cookie, sizeof(gate->cookie), "seep_%u", gate->port);
    made->gate = *gate;
    made->daemon = start_daemon(made, fd);
    if (made->daemon == NULL) {
        close(fd);
        fd = seep_error_set(error, -EIO, "libmicrohttpd cannot start on %s:%u",
                            gate->address, gate->port);
        goto fail_socket;
    }
    *web = made;
    return 0;

fail_socket:
    if (made->wake_fd >= 0) {
        close(made->wake_fd);
    }
    (void)pthread_mutex_destroy(&made->lock);
    free(made);
    return fd;
}

int seep_web_fd(const struct seep_web *web)
{
    return web->wake_fd;
}

bool seep_web_next(struct seep_web *web, struct seep_target *target)
{
    uint64_t count = 0;
    bool found = false;

    (void)!read(web->wake_fd, &count, sizeof(count));
    (void)pthread_mutex_lock(&web->lock);
    found = web->waiting != NULL;
    if (found) {
        *target = web->waiting->target;
    }
    (void)pthread_mutex_unlock(&web->lock);
    return found;
}

/* Resumes those that wait for `key`, or all (NULL). Under the lock. */
static void resume(struct seep_web *web, const char *key, struct seep_answer *answer)
{
    struct exchange **at = &web->waiting;

    while (*at != NULL) {
        struct exchange *exchange = *at;

        if (key != NULL && strcmp(exchange->key, key) != 0) {
            at = &exchange->next;
            continue;
        }
        *at = exchange->next;
        web->waiting_count--;
        exchange->answer = seep_answer_hold(answer);
        MHD_resume_connection(exchange->connection);
    }
}

void seep_web_answer(struct seep_web *web, const struct seep_target *target,
                     struct seep_answer *answer, uint64_t took_ns)
{
    char key[SEEP_TARGET_KEY_BYTES];

    if (answer == NULL) {
        answer = seep_reply_out_of_memory();
    }
    seep_target_key(target, key);
    (void)pthread_mutex_lock(&web->lock);
    seep_cache_put(&web->cache, target, answer, took_ns, monotonic_ns());
    resume(web, key, answer);
    (void)pthread_mutex_unlock(&web->lock);
    seep_answer_release(answer);
}

void seep_web_changed(struct seep_web *web, const char *name, size_t place,
                      const char *json)
{
    (void)pthread_mutex_lock(&web->lock);
    seep_cache_touch(&web->cache, name);
    (void)pthread_mutex_unlock(&web->lock);
    if (json != NULL) {
        seep_events_tell(&web->events, place, json);
    }
}

void seep_web_set_busy(struct seep_web *web, bool busy)
{
    (void)pthread_mutex_lock(&web->lock);
    web->busy = busy;
    (void)pthread_mutex_unlock(&web->lock);
}

void seep_web_tick(struct seep_web *web)
{
    seep_events_tick(&web->events, monotonic_ns());
}

struct seep_web_counts seep_web_counts(struct seep_web *web)
{
    struct seep_web_counts counts;

    (void)pthread_mutex_lock(&web->lock);
    counts = web->counts;
    counts.listeners = web->events.count;
    counts.refused_listeners = web->events.refused;
    (void)pthread_mutex_unlock(&web->lock);
    return counts;
}

void seep_web_stop(struct seep_web *web)
{
    struct seep_answer *answer = NULL;

    if (web == NULL) {
        return;
    }
    answer = seep_answer_error(503, "seep serve ends");
    answer = answer != NULL ? answer : seep_reply_out_of_memory();
    seep_events_close(&web->events);
    (void)pthread_mutex_lock(&web->lock);
    web->closing = true;
    resume(web, NULL, answer);
    (void)pthread_mutex_unlock(&web->lock);
    MHD_stop_daemon(web->daemon);
    seep_answer_release(answer);
    seep_events_fini(&web->events);
    seep_cache_fini(&web->cache);
    close(web->wake_fd);
    (void)pthread_mutex_destroy(&web->lock);
    free(web);
}
