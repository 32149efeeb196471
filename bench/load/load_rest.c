/* A request is over when the backend closes its connection, which each one asks for: so
 * every request also takes the backend through accepting and closing.
 *
 * SPDX-License-Identifier: MIT
 */
#include "load_rest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALL_TIMEOUT_NS 5000000000ULL
#define STATUS_AT       9 /* of "HTTP/1.1 200 OK" */
#define STATUS_404      404

static void end_call(struct load_rest *rest, struct load_rest_call *call)
{
    if (call->fd >= 0) {
        close(call->fd);
        rest->under_way--;
    }
    call->fd = -1;
}

static const struct load_step *step_of(const struct load_rest_call *call)
{
    uint32_t count;

    return &load_call_steps(call->kind, &count)[call->step];
}

/* Counts a request that went wrong, and remembers it as the last one. */
static void note_failure(struct load_world *world, const struct load_rest_call *call,
                         const char *what)
{
    const struct load_step *step = step_of(call);

    world->totals->errors[LOAD_ERROR_CALL]++;
    world->totals->operations[call->kind].errors++;
    snprintf(world->totals->last_failure, sizeof(world->totals->last_failure),
             "%s %s: %.30s", step->method, step->path, what);
}

static void fail(struct load_world *world, struct load_rest *rest,
                 struct load_rest_call *call, const char *what)
{
    note_failure(world, call, what);
    end_call(rest, call);
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
    rest->under_way = 0;
    for (int slot = 0; slot < LOAD_CALLS_AT_ONCE; slot++) {
        rest->calls[slot].fd = -1;
    }
}

/* Opens the connection for the present step and writes its request. */
static void start_step(struct load_world *world, struct load_rest *rest,
                       struct load_rest_call *call, uint64_t now_ns)
{
    const struct load_options *options = world->options;
    const struct load_blanks blanks = {.host = options->host,
                                       .port = options->port,
                                       .number = call->number,
                                       .seed = options->seed,
                                       .now_ns = now_ns,
                                       .pin = options->pin,
                                       .captured = call->captured};
    int fd =
        socket(options->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || (connect(fd, (const struct sockaddr *)&options->address,
                           options->address_bytes) != 0 &&
                   errno != EINPROGRESS)) {
        world->totals->last_connect_error = errno;
        note_failure(world, call, strerrordesc_np(errno));
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    call->fd = fd;
    call->started_ns = now_ns;
    call->send_at = 0;
    call->answer_bytes = 0;
    call->send_bytes =
        load_step_write(step_of(call), &blanks, call->send, sizeof(call->send));
    rest->under_way++;
    watch(world, rest, call, EPOLL_CTL_ADD);
}

void load_rest_start(struct load_world *world, struct load_rest *rest,
                     enum load_call kind, uint32_t number, uint64_t now_ns)
{
    struct load_rest_call *call = rest->calls;

    while (call < rest->calls + LOAD_CALLS_AT_ONCE && call->fd >= 0) {
        call++;
    }
    if (call == rest->calls + LOAD_CALLS_AT_ONCE) {
        world->totals->errors[LOAD_ERROR_LATE]++;
        return;
    }
    call->kind = kind;
    call->step = 0;
    call->number = number;
    call->captured[0] = '\0';
    start_step(world, rest, call, now_ns);
}

/* Whether the answer is a good one; counts it when it is not. */
static bool judge(struct load_world *world, const struct load_rest_call *call)
{
    const struct load_step *step = step_of(call);
    const long status =
        call->answer_bytes > STATUS_AT ? strtol(call->answer + STATUS_AT, NULL, 10) : 0;

    if ((status >= 200 && status < 300) ||
        (step->accepts != 0 && status == (long)step->accepts)) {
        return true;
    }
    /* The first request of a script needs nothing but its route. */
    if (status == STATUS_404 && strstr(call->answer, "Endpoint not found") != NULL) {
        world->totals->operations[call->kind].missing++;
        world->totals->missing++;
        return false;
    }
    note_failure(world, call,
                 status == 0 ? "closed without an answer" : call->answer + STATUS_AT);
    return false;
}

/* The answer is complete: goes on with the next step, or ends the call. */
static void finish_step(struct load_world *world, struct load_rest *rest,
                        struct load_rest_call *call, uint64_t now_ns)
{
    struct load_totals *totals = world->totals;
    const struct load_step *step = step_of(call);
    uint32_t count;

    (void)load_call_steps(call->kind, &count);
    call->answer[call->answer_bytes] = '\0';
    end_call(rest, call);
    if (!judge(world, call)) {
        return;
    }
    totals->calls++;
    load_histogram_add(&totals->call_latency, now_ns - call->started_ns);
    load_histogram_add(&totals->operations[call->kind].latency,
                       now_ns - call->started_ns);
    if (step->capture != NULL &&
        !load_capture(call->answer, step->capture, call->captured)) {
        note_failure(world, call, "an answer without its id");
        return;
    }
    if (++call->step < count) {
        start_step(world, rest, call, now_ns);
    } else {
        totals->operations[call->kind].count++;
    }
}

/* Sends what is left of the request. Returns: false when the connection is lost. */
static bool flush(struct load_world *world, struct load_rest *rest,
                  struct load_rest_call *call)
{
    ssize_t sent;

    if (call->send_at == call->send_bytes) {
        return true;
    }
    sent = send(call->fd, call->send + call->send_at, call->send_bytes - call->send_at,
                MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        return false;
    }
    call->send_at += sent > 0 ? (size_t)sent : 0;
    watch(world, rest, call, EPOLL_CTL_MOD);
    return true;
}

static bool has_event(struct load_rest_call *call)
{
    call->answer[call->answer_bytes] = '\0';
    return strstr(call->answer, "\ndata:") != NULL;
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
    if (!flush(world, rest, call)) {
        world->totals->last_connect_error = errno;
        fail(world, rest, call, strerrordesc_np(errno));
        return;
    }
    got = recv(call->fd, bytes, sizeof(bytes), 0);
    if (got > 0) {
        size_t room = LOAD_ANSWER_BYTES - call->answer_bytes;
        size_t part = (size_t)got < room ? (size_t)got : room;

        memcpy(call->answer + call->answer_bytes, bytes, part);
        call->answer_bytes += part;
        world->totals->last_answer_ns = now_ns;
        world->totals->last_connect_error = 0;
        if (step_of(call)->is_stream && has_event(call)) {
            finish_step(world, rest, call, now_ns);
        }
    } else if (got == 0) {
        finish_step(world, rest, call, now_ns);
    } else if (errno != EAGAIN) {
        world->totals->last_connect_error = errno;
        fail(world, rest, call, strerrordesc_np(errno));
    }
}

void load_rest_tick(struct load_world *world, struct load_rest *rest, uint64_t now_ns)
{
    for (int slot = 0; slot < LOAD_CALLS_AT_ONCE; slot++) {
        struct load_rest_call *call = &rest->calls[slot];

        if (call->fd >= 0 && now_ns - call->started_ns > CALL_TIMEOUT_NS) {
            fail(world, rest, call, "no answer in 5 s");
        }
    }
}

void load_rest_finish(struct load_rest *rest)
{
    for (int slot = 0; slot < LOAD_CALLS_AT_ONCE; slot++) {
        end_call(rest, &rest->calls[slot]);
    }
}
