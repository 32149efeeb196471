/* A call is over when the backend closes its connection, which each request asks for: so
 * every call also takes the backend through accepting and closing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_rest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL_TIMEOUT_NS 5000000000ULL

static const struct {
    const char *method, *path, *body;
} requests[LOAD_CALL_END] = {
    [LOAD_CALL_HEALTH] = {"GET", "/api/health", ""},
    [LOAD_CALL_MEMORY_STATS] = {"GET", "/api/v1/memory/stats", ""},
    [LOAD_CALL_PIN_STATUS] = {"GET", "/api/v1/auth/pin-status", ""},
    [LOAD_CALL_BROADCAST] =
        {"POST", "/api/v1/websocket/broadcast",
         "{\"type\":\"notification\",\"data\":{\"title\":\"Load\","
         "\"message\":\"A message for every client\",\"level\":\"info\"}}"},
    [LOAD_CALL_HUB_STATS] = {"GET", "/api/v1/websocket/stats", ""},
    [LOAD_CALL_GC] = {"POST", "/api/v1/memory/gc", ""},
};

static void end_call(struct load_rest_call *call)
{
    close(call->fd);
    call->fd = -1;
}

static void fail(struct load_world *world, struct load_rest_call *call)
{
    world->totals->errors[LOAD_ERROR_CALL]++;
    end_call(call);
}

static void watch(struct load_world *world, const struct load_rest *rest,
                  const struct load_rest_call *call, int how)
{
    struct epoll_event event = {
        .events = EPOLLIN, .data.u64 = LOAD_REST_SOURCE + (uint64_t)(call - rest->calls)};

    if (call->send_at < call->send_bytes) {
        event.events |= EPOLLOUT;
    }
    (void)epoll_ctl(world->epoll_fd, how, call->fd, &event);
}

void load_rest_init(struct load_rest *rest)
{
    for (int slot = 0; slot < LOAD_CALLS_AT_ONCE; slot++) {
        rest->calls[slot].fd = -1;
    }
}

void load_rest_start(struct load_world *world, struct load_rest *rest,
                     enum load_call kind, uint64_t now_ns)
{
    const struct load_options *options = world->options;
    struct load_rest_call *call = rest->calls;
    int fd;

    while (call < rest->calls + LOAD_CALLS_AT_ONCE && call->fd >= 0) {
        call++;
    }
    if (call == rest->calls + LOAD_CALLS_AT_ONCE) {
        world->totals->errors[LOAD_ERROR_LATE]++;
        return;
    }
    fd =
        socket(options->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (connect(fd, (const struct sockaddr *)&options->address,
                           options->address_bytes) != 0 &&
                   errno != EINPROGRESS)) {
        world->totals->last_connect_error = errno;
        world->totals->errors[LOAD_ERROR_CALL]++;
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    *call = (struct load_rest_call){.fd = fd, .kind = kind, .started_ns = now_ns};
    call->send_bytes = (size_t)snprintf(
        call->send, sizeof(call->send),
        "%s %s HTTP/1.1\r\nHost: %s:%u\r\nConnection: close\r\n"
        "User-Agent: pma-load/" SEEP_VERSION "\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        requests[kind].method, requests[kind].path, options->host,
        (unsigned)options->port, strlen(requests[kind].body), requests[kind].body);
    watch(world, rest, call, EPOLL_CTL_ADD);
}

/* The connection is at its end: was there a good answer? */
static void finish_call(struct load_world *world, struct load_rest_call *call,
                        uint64_t now_ns)
{
    struct load_totals *totals = world->totals;

    if (call->head_bytes < sizeof(call->head) ||
        memcmp(call->head, "HTTP/1.1 2", 10) != 0) {
        fail(world, call);
        return;
    }
    totals->calls++;
    totals->calls_by_kind[call->kind]++;
    load_histogram_add(&totals->call_latency, now_ns - call->started_ns);
    end_call(call);
}

void load_rest_event(struct load_world *world, struct load_rest *rest, uint32_t slot,
                     uint64_t now_ns)
{
    struct load_rest_call *call = &rest->calls[slot];
    char bytes[8192];
    ssize_t got;

    if (call->fd < 0) {
        return;
    }
    if (call->send_at < call->send_bytes) {
        ssize_t sent = send(call->fd, call->send + call->send_at,
                            call->send_bytes - call->send_at, MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN) {
            world->totals->last_connect_error = errno;
            fail(world, call);
            return;
        }
        call->send_at += sent > 0 ? (size_t)sent : 0;
        watch(world, rest, call, EPOLL_CTL_MOD);
    }
    got = recv(call->fd, bytes, sizeof(bytes), 0);
    if (got > 0) {
        size_t room = sizeof(call->head) - call->head_bytes;
        size_t part = (size_t)got < room ? (size_t)got : room;

        memcpy(call->head + call->head_bytes, bytes, part);
        call->head_bytes += part;
        world->totals->last_answer_ns = now_ns;
        world->totals->last_connect_error = 0;
    } else if (got == 0) {
        finish_call(world, call, now_ns);
    } else if (errno != EAGAIN) {
        world->totals->last_connect_error = errno;
        fail(world, call);
    }
}

void load_rest_tick(struct load_world *world, struct load_rest *rest, uint64_t now_ns)
{
    for (int slot = 0; slot < LOAD_CALLS_AT_ONCE; slot++) {
        struct load_rest_call *call = &rest->calls[slot];

        if (call->fd >= 0 && now_ns - call->started_ns > CALL_TIMEOUT_NS) {
            fail(world, call);
        }
    }
}

void load_rest_finish(struct load_rest *rest)
{
    for (int slot = 0; slot < LOAD_CALLS_AT_ONCE; slot++) {
        if (rest->calls[slot].fd >= 0) {
            end_call(&rest->calls[slot]);
        }
    }
}
