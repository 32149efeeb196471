/* One thread, one epoll, a fixed table of pending connections.
 *
 * Two libraries share a port here: libmicrohttpd and libwebsockets each want to own the
 * listening socket. So neither does. The head is only peeked at (MSG_PEEK): whoever gets
 * the socket reads it from its first byte, as if it had accepted the connection itself.
 * Rejected: a proxy between two ports (a copy of each byte, two sockets per client) and
 * libwebsockets' own HTTP server (handlers would run on the hub's thread).
 *
 * Against slow and hostile clients: a head has a limit in bytes and in time, and when the
 * table is full the oldest entry gives way, so a thousand connections that say nothing
 * delay nobody. Edge-triggered, because peeked bytes stay and would wake a
 * level-triggered epoll for ever. Running out of descriptors would spin as well (the
 * connection stays in the backlog): one descriptor is kept in reserve, given up to accept
 * and close it.
 *
 * I1: pending[0 .. pending_count) are in use, in the order of their deadlines.
 * I2: each pending socket is in the epoll set, and no other is.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/acceptor.h"

#include "server/base/address_table.h"
#include "server/base/clock.h"
#include "server/log/log.h"
#include "server/request_head.h"
#include "server/worker/worker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BACKLOG     511
#define EVENTS_MAX  64
#define COMPLAIN_NS PMA_S_NS /* between two log lines about the same lack */
#define ACCEPTS_MAX 64 /* per turn, so that pending heads are looked at in between */

struct pending {
    int fd;
    uint64_t deadline_ns;
    struct sockaddr_storage peer;
    socklen_t peer_bytes;
    bool is_counted; /* in per_address, under the next */
    struct pma_address subscriber;
};

struct pma_acceptor {
    struct pma_acceptor_config config;
    struct pma_acceptor_hooks hooks;
    struct pma_worker *worker;
    int listen_fd, epoll_fd, wake_fd;
    int reserve_fd;         /* -1 while it is given up */
    uint64_t complained_ns; /* the last log line about a lack of descriptors; 0: none */
    uint16_t port;
    char *head; /* max_head_bytes + 1, of the acceptor's thread */
    struct pending *pending;
    uint32_t pending_count;
    struct pma_address_table per_address; /* pending ones; of the acceptor's thread */
    pthread_mutex_t lock;                 /* PMA_LOCK_ACCEPTOR: info */
    struct pma_acceptor_info info;
};

#define COUNT(acceptor, counter)                                                         \
    add_count((acceptor), offsetof(struct pma_acceptor_info, counter))

static void add_count(struct pma_acceptor *acceptor, size_t offset)
{
    pthread_mutex_lock(&acceptor->lock);
    (*(uint64_t *)((char *)&acceptor->info + offset))++;
    pthread_mutex_unlock(&acceptor->lock);
}

static void set_pending_count(struct pma_acceptor *acceptor, uint32_t count)
{
    acceptor->pending_count = count;
    pthread_mutex_lock(&acceptor->lock);
    acceptor->info.pending = count;
    pthread_mutex_unlock(&acceptor->lock);
}

/* Answers with a status and closes. What has come is read first: closing a socket with
 * unread bytes resets the connection, and the client would never see the answer. */
static void refuse(struct pma_acceptor *acceptor, int fd, const char *status,
                   const char *error)
{
    char body[256];
    char reply[640];
    for (int i = 0; i < 4; i++) {
        if (recv(fd, acceptor->head, acceptor->config.max_head_bytes, MSG_DONTWAIT) <=
            0) {
            break;
        }
    }
    char now[PMA_TIMESTAMP_BYTES];
    pma_timestamp_now(now);
    const int body_bytes =
        snprintf(body, sizeof body,
                 "{\"success\":false,\"status\":\"error\",\"error\":\"%s\",\"code\":%.3s,"
                 "\"timestamp\":\"%s\"}",
                 error, status, now);
    const int reply_bytes =
        snprintf(reply, sizeof reply,
                 "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                 "Connection: close\r\n%s\r\n%s",
                 status, body_bytes,
                 strncmp(status, "503", 3) == 0 || strncmp(status, "429", 3) == 0
                     ? "Retry-After: 5\r\n"
                     : "",
                 body);
    (void)!send(fd, reply, (size_t)reply_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    close(fd);
}

/* Enters an address among the pending ones. Returns: false: it has too many already. */
static bool count_address(struct pma_acceptor *acceptor, struct pending *fresh)
{
    const struct pma_acceptor_hooks *hooks = &acceptor->hooks;
    const struct sockaddr *peer = (const struct sockaddr *)&fresh->peer;
    struct pma_address address;
    if ((hooks->is_unlimited != NULL && hooks->is_unlimited(hooks->arg, peer)) ||
        pma_address_of_peer(peer, &address) != 0) {
        return true;
    }
    fresh->subscriber = pma_address_subscriber(&address);
    struct pma_address_entry *entry =
        pma_address_table_find(&acceptor->per_address, &fresh->subscriber);
    if (entry == NULL) {
        entry = pma_address_table_add(&acceptor->per_address, &fresh->subscriber);
    }
    if (entry == NULL) {
        return true; /* no memory: the limit of all still holds */
    }
    if (entry->level >= acceptor->config.max_pending_per_address) {
        return false;
    }
    entry->level++;
    fresh->is_counted = true;
    return true;
}

static void discount_address(struct pma_acceptor *acceptor,
                             const struct pma_address *subscriber)
{
    struct pma_address_entry *entry =
        pma_address_table_find(&acceptor->per_address, subscriber);
    if (entry != NULL && --entry->level == 0) {
        pma_address_table_remove(&acceptor->per_address,
                                 (uint32_t)(entry - acceptor->per_address.entries));
    }
}

/* Removes an entry without closing its socket. */
static void forget(struct pma_acceptor *acceptor, uint32_t at)
{
    const struct pending *entry = &acceptor->pending[at];
    epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_DEL, entry->fd, NULL);
    if (entry->is_counted) {
        discount_address(acceptor, &entry->subscriber);
    }
    set_pending_count(acceptor, acceptor->pending_count - 1);
    memmove(&acceptor->pending[at], &acceptor->pending[at + 1],
            (acceptor->pending_count - at) * sizeof acceptor->pending[0]);
}

static void hand_to_hub(struct pma_acceptor *acceptor, const struct pending *from)
{
    const struct pma_acceptor_hooks *hooks = &acceptor->hooks;
    if (!hooks->is_hub_full(hooks->arg) &&
        hooks->to_hub(hooks->arg, from->fd, (const struct sockaddr *)&from->peer,
                      from->peer_bytes) == 0) {
        COUNT(acceptor, to_hub);
        return;
    }
    hooks->note_hub_rejected(hooks->arg);
    COUNT(acceptor, refused_full);
    refuse(acceptor, from->fd, "503 Service Unavailable",
           "The server has reached its limit of WebSocket clients");
}

static void hand_to_http(struct pma_acceptor *acceptor, const struct pending *from)
{
    const struct pma_acceptor_hooks *hooks = &acceptor->hooks;
    const struct sockaddr *peer = (const struct sockaddr *)&from->peer;
    const bool is_limited =
        hooks->is_http_full_for != NULL &&
        (hooks->is_unlimited == NULL || !hooks->is_unlimited(hooks->arg, peer));
    if (is_limited && hooks->is_http_full_for(hooks->arg, peer)) {
        COUNT(acceptor, refused_address);
        refuse(acceptor, from->fd, "429 Too Many Requests",
               "This client has as many HTTP connections as it may have");
    } else if (hooks->is_http_full(hooks->arg)) {
        COUNT(acceptor, refused_full);
        refuse(acceptor, from->fd, "503 Service Unavailable",
               "The server has reached its limit of HTTP connections");
    } else if (hooks->to_http(hooks->arg, from->fd, (const struct sockaddr *)&from->peer,
                              from->peer_bytes) == 0) {
        COUNT(acceptor, to_http);
    } else {
        COUNT(acceptor, refused_full);
    }
}

/* Looks at the head of an entry, and lets it go when there is a decision. */
static void examine(struct pma_acceptor *acceptor, uint32_t at)
{
    const struct pending from = acceptor->pending[at];
    const size_t most = acceptor->config.max_head_bytes;
    const ssize_t got = recv(from.fd, acceptor->head, most, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        forget(acceptor, at);
        COUNT(acceptor, closed_early);
        close(from.fd);
        return;
    }
    const enum pma_head_verdict verdict = pma_head_judge(acceptor->head, (size_t)got);
    if (verdict == PMA_HEAD_INCOMPLETE && (size_t)got < most) {
        return;
    }
    forget(acceptor, at);
    switch (verdict) {
    case PMA_HEAD_UPGRADE:
        hand_to_hub(acceptor, &from);
        break;
    case PMA_HEAD_HTTP:
        hand_to_http(acceptor, &from);
        break;
    case PMA_HEAD_NOT_HTTP:
        COUNT(acceptor, not_http);
        refuse(acceptor, from.fd, "400 Bad Request", "This is not an HTTP request");
        break;
    case PMA_HEAD_INCOMPLETE:
    case PMA_HEAD_NONE:
    default:
        COUNT(acceptor, head_too_long);
        refuse(acceptor, from.fd, "431 Request Header Fields Too Large",
               "The request line and headers are too long");
        break;
    }
}

static void examine_fd(struct pma_acceptor *acceptor, int fd)
{
    for (uint32_t at = 0; at < acceptor->pending_count; at++) {
        if (acceptor->pending[at].fd == fd) {
            examine(acceptor, at);
            return;
        }
    }
}

static void add_pending(struct pma_acceptor *acceptor, struct pending *fresh)
{
    if (!count_address(acceptor, fresh)) {
        COUNT(acceptor, refused_address);
        refuse(acceptor, fresh->fd, "429 Too Many Requests",
               "This client has too many connections without a complete request");
        return;
    }
    if (acceptor->pending_count == acceptor->config.max_pending) {
        const int oldest_fd = acceptor->pending[0].fd;
        forget(acceptor, 0);
        COUNT(acceptor, evicted);
        refuse(acceptor, oldest_fd, "503 Service Unavailable",
               "Too many connections without a complete request");
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
                                .data.fd = fresh->fd};
    if (epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_ADD, fresh->fd, &event) != 0) {
        COUNT(acceptor, accept_errors);
        close(fresh->fd);
        if (fresh->is_counted) {
            discount_address(acceptor, &fresh->subscriber);
        }
        return;
    }
    acceptor->pending[acceptor->pending_count] = *fresh;
    set_pending_count(acceptor, acceptor->pending_count + 1);
    examine(acceptor, acceptor->pending_count - 1); /* the head has often come already */
}

/* No descriptor is left: takes one connection off the backlog and closes it. */
static void shed_connection(struct pma_acceptor *acceptor)
{
    COUNT(acceptor, accept_errors);
    if (acceptor->reserve_fd >= 0) {
        close(acceptor->reserve_fd);
        const int fd = accept4(acceptor->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            close(fd);
        }
    }
    acceptor->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const uint64_t now_ns = pma_now_ns();
    if (acceptor->complained_ns == 0 || now_ns - acceptor->complained_ns >= COMPLAIN_NS) {
        acceptor->complained_ns = now_ns;
        pma_log(PMA_LOG_ERROR, "Connections dropped: no file descriptor left",
                pma_u64("pending", acceptor->pending_count));
    }
}

static void accept_some(struct pma_acceptor *acceptor)
{
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct pending fresh = {.peer_bytes = sizeof fresh.peer};
        fresh.fd = accept4(acceptor->listen_fd, (struct sockaddr *)&fresh.peer,
                           &fresh.peer_bytes, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fresh.fd < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                shed_connection(acceptor);
            } else if (errno == ENOBUFS || errno == ENOMEM) {
                COUNT(acceptor, accept_errors);
            }
            return;
        }
        const int on = 1;
        setsockopt(fresh.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fresh.deadline_ns = pma_now_ns() + acceptor->config.head_timeout_ns;
        COUNT(acceptor, accepted);
        add_pending(acceptor, &fresh);
    }
}

/* Ends what is overdue. Returns: ms until the next deadline, -1 when nothing is pending.
 */
static int expire(struct pma_acceptor *acceptor)
{
    const uint64_t now_ns = pma_now_ns();
    while (acceptor->pending_count > 0) {
        const struct pending first = acceptor->pending[0];
        if (first.deadline_ns > now_ns) {
            const uint64_t left_ms = (first.deadline_ns - now_ns) / PMA_MS_NS + 1;
            return left_ms < 60000 ? (int)left_ms : 60000;
        }
        forget(acceptor, 0);
        COUNT(acceptor, timed_out);
        refuse(acceptor, first.fd, "408 Request Timeout",
               "The request's head did not come in time");
    }
    return -1;
}

static void run_acceptor(void *arg, struct pma_cancel *cancel)
{
    struct pma_acceptor *acceptor = arg;
    while (!pma_cancel_requested(cancel)) {
        struct epoll_event events[EVENTS_MAX];
        const int count =
            epoll_wait(acceptor->epoll_fd, events, EVENTS_MAX, expire(acceptor));
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == acceptor->listen_fd) {
                accept_some(acceptor);
            } else if (events[i].data.fd != acceptor->wake_fd) {
                examine_fd(acceptor, events[i].data.fd);
            }
        }
    }
    while (acceptor->pending_count > 0) {
        const int fd = acceptor->pending[0].fd;
        forget(acceptor, 0);
        refuse(acceptor, fd, "503 Service Unavailable", "The server is shutting down");
    }
}

static int make_address(const char *host, uint16_t port, struct sockaddr_storage *address,
                        socklen_t *address_bytes)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(address, &v4, sizeof v4);
        *address_bytes = sizeof v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(address, &v6, sizeof v6);
        *address_bytes = sizeof v6;
        return 0;
    }
    return -EINVAL;
}

/* Makes acceptor->listen_fd and ->port. */
static int open_listener(struct pma_acceptor *acceptor)
{
    struct sockaddr_storage address;
    socklen_t address_bytes = 0;
    int err = make_address(acceptor->config.host, acceptor->config.port, &address,
                           &address_bytes);
    if (err != 0) {
        return err;
    }
    const int fd =
        socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, address_bytes) != 0 ||
        listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &address_bytes) != 0) {
        err = -errno;
        close(fd);
        return err;
    }
    /* sin_port and sin6_port lie at the same place. */
    acceptor->port = ntohs(((const struct sockaddr_in *)&address)->sin_port);
    acceptor->listen_fd = fd;
    return 0;
}

static int open_epoll(struct pma_acceptor *acceptor)
{
    acceptor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    acceptor->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    acceptor->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (acceptor->epoll_fd < 0 || acceptor->wake_fd < 0 || acceptor->reserve_fd < 0) {
        return -errno;
    }
    struct epoll_event listening = {.events = EPOLLIN, .data.fd = acceptor->listen_fd};
    struct epoll_event waking = {.events = EPOLLIN, .data.fd = acceptor->wake_fd};
    if (epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_ADD, acceptor->listen_fd, &listening) !=
            0 ||
        epoll_ctl(acceptor->epoll_fd, EPOLL_CTL_ADD, acceptor->wake_fd, &waking) != 0) {
        return -errno;
    }
    return 0;
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

int pma_acceptor_new(const struct pma_acceptor_config *config,
                     const struct pma_acceptor_hooks *hooks,
                     struct pma_acceptor **acceptor)
{
    if (config->max_head_bytes == 0 || config->max_pending == 0 ||
        config->max_pending_per_address == 0) {
        return -EINVAL;
    }
    struct pma_acceptor *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return -ENOMEM;
    }
    fresh->config = *config;
    fresh->hooks = *hooks;
    fresh->listen_fd = fresh->epoll_fd = fresh->wake_fd = fresh->reserve_fd = -1;
    pthread_mutex_init(&fresh->lock, NULL);
    pma_address_table_init(&fresh->per_address, config->max_pending + 1);
    int err = -ENOMEM;
    fresh->head = malloc(config->max_head_bytes + 1);
    fresh->pending = calloc(config->max_pending, sizeof *fresh->pending);
    if (fresh->head == NULL || fresh->pending == NULL) {
        goto fail;
    }
    err = open_listener(fresh);
    if (err == 0) {
        err = open_epoll(fresh);
    }
    if (err != 0) {
        goto fail;
    }
    fresh->config.host = NULL;
    *acceptor = fresh;
    return 0;

fail:
    pma_acceptor_free(fresh);
    return err;
}

int pma_acceptor_start(struct pma_acceptor *acceptor)
{
    const struct pma_worker_spec spec = {
        .name = "acceptor", .subsystem = "http", .run = run_acceptor, .arg = acceptor};
    return pma_worker_start(&spec, &acceptor->worker);
}

int pma_acceptor_stop(struct pma_acceptor *acceptor, uint64_t timeout_ns)
{
    if (acceptor->worker == NULL) {
        return 0;
    }
    const uint64_t one = 1;
    pma_worker_cancel(acceptor->worker);
    (void)!write(acceptor->wake_fd, &one, sizeof one);
    const int err = pma_worker_stop(acceptor->worker, timeout_ns);
    if (err == 0) {
        acceptor->worker = NULL;
        /* New clients are to be refused by the system at once, not to wait in the
         * backlog. */
        close(acceptor->listen_fd);
        acceptor->listen_fd = -1;
    }
    return err;
}

void pma_acceptor_free(struct pma_acceptor *acceptor)
{
    if (acceptor == NULL) {
        return;
    }
    close_if_open(acceptor->reserve_fd);
    close_if_open(acceptor->wake_fd);
    close_if_open(acceptor->epoll_fd);
    close_if_open(acceptor->listen_fd);
    pthread_mutex_destroy(&acceptor->lock);
    pma_address_table_fini(&acceptor->per_address);
    free(acceptor->pending);
    free(acceptor->head);
    free(acceptor);
}

uint16_t pma_acceptor_port(const struct pma_acceptor *acceptor)
{
    return acceptor->port;
}

void pma_acceptor_info_read(struct pma_acceptor *acceptor, struct pma_acceptor_info *info)
{
    pthread_mutex_lock(&acceptor->lock);
    *info = acceptor->info;
    pthread_mutex_unlock(&acceptor->lock);
}
