/* Requests and WebSocket clients over the loopback.
 *
 * A fault that sits in the way of a request, or of a client that leaves, is committed
 * there and nowhere else, so driving it means going that way. Rejected: calling the
 * function that goes wrong, which would leak in another place than real clients do, and
 * under another call stack.
 *
 * One client at a time, on the driver's thread, with short times: what does not answer is
 * left alone (that may be the fault).
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/fault_client.h"

#include "server/acceptor.h"
#include "server/config/config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define API         "/api/v1"
#define ANSWER_US   50000 /* that an answer may take; after it the client leaves */
#define OPCODE_TEXT 0x81
#define OPCODE_BYE  0x88
#define REQUESTS    2

/* '#' stands for a number that is new each time. */
struct request {
    const char *method, *path, *body;
};

struct provocation {
    enum pma_fault fault;
    struct request requests[REQUESTS];
};

#define DEVICE                                                                           \
    {                                                                                    \
        "POST", API "/entities",                                                         \
            "{\"id\":\"fault_client\",\"type\":\"light\",\"friendly_name\":\"Fault\"}"   \
    }

static const struct provocation provocations[] = {
    {PMA_FAULT_F14,
     {DEVICE, {"POST", API "/entities/fault_client/action", "{\"action\":\"toggle\"}"}}},
    {PMA_FAULT_F15,
     {DEVICE, {"PUT", API "/entities/fault_client/state", "{\"state\":\"at-#\"}"}}},
    {PMA_FAULT_F27,
     {{"POST", API "/memory/monitor/stop", "{}"},
      {"POST", API "/memory/monitor/start", "{}"}}},
    {PMA_FAULT_F31,
     {{"POST", API "/memory/optimize", "{}"}, {"GET", API "/memory/status", ""}}},
    {PMA_FAULT_F32,
     {{"POST", API "/websocket/broadcast",
       "{\"type\":\"notification\",\"data\":{\"n\":\"#\"}}"}}},
};

#define PROVOCATIONS_COUNT (sizeof provocations / sizeof provocations[0])

/* One per fault: what its action gets as its argument. Written once, by the owner. */
static struct task {
    struct pma_app *app;
    const struct provocation *provocation;
} tasks[PROVOCATIONS_COUNT];

static unsigned next_number(void)
{
    static _Atomic unsigned number; /* relaxed: only has to be new */
    return atomic_fetch_add_explicit(&number, 1, memory_order_relaxed);
}

/* Returns: a socket connected to the server; -1. */
static int open_own_port(const struct pma_app *app)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    const char *host = app->config->server.host;
    socklen_t address_bytes = sizeof *v4;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(pma_acceptor_port(app->acceptor));
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(pma_acceptor_port(app->acceptor));
        address_bytes = sizeof *v6;
    } else {
        return -1;
    }
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_usec = ANSWER_US};
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    /* To 0.0.0.0 or :: means to this machine. */
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, address_bytes) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Replaces '#'; the texts are ours and fit. */
static void fill_in(const char *text, unsigned number, char *to, size_t to_bytes)
{
    const char *mark = strchr(text, '#');
    if (mark == NULL) {
        snprintf(to, to_bytes, "%s", text);
    } else {
        snprintf(to, to_bytes, "%.*s%u%s", (int)(mark - text), text, number, mark + 1);
    }
}

static void send_request(const struct pma_app *app, const struct request *request)
{
    char body[256];
    char text[640];
    char answer[1024];
    const int fd = open_own_port(app);
    if (fd < 0) {
        return;
    }
    fill_in(request->body, next_number(), body, sizeof body);
    const int length = snprintf(text, sizeof text,
                                "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: "
                                "close\r\nContent-Length: %zu\r\n\r\n%s",
                                request->method, request->path, strlen(body), body);
    if (send(fd, text, (size_t)length, MSG_NOSIGNAL) == length) {
        while (recv(fd, answer, sizeof answer, 0) > 0) {
        }
    }
    close(fd);
}

static void provoke(void *arg)
{
    const struct task *task = arg;
    if (!pma_fault_enabled(task->provocation->fault)) {
        return;
    }
    for (size_t i = 0; i < REQUESTS; i++) {
        if (task->provocation->requests[i].method != NULL) {
            send_request(task->app, &task->provocation->requests[i]);
        }
    }
}

/* A masked frame; its mask is zero, which leaves the payload as it is. payload: up to 125
 * bytes. */
static void send_frame(int fd, unsigned char opcode, const char *payload)
{
    unsigned char frame[6 + 125] = {opcode};
    const size_t payload_bytes = strlen(payload);
    frame[1] = (unsigned char)(0x80 | payload_bytes);
    /* Its length is in the frame. NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(frame + 6, payload, payload_bytes);
    (void)send(fd, frame, 6 + payload_bytes, MSG_NOSIGNAL);
}

/* A WebSocket client that was upgraded, and welcomed unless a fault is in the way.
 * Returns: its socket; -1. */
static int open_client(const struct pma_app *app)
{
    static const char upgrade[] =
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char answer[1024];
    const int fd = open_own_port(app);
    if (fd >= 0) {
        (void)send(fd, upgrade, sizeof upgrade - 1, MSG_NOSIGNAL);
        (void)recv(fd, answer, sizeof answer, 0);
    }
    return fd;
}

/* Ends with RST, as a client that loses its network may. */
static void lose(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

/* F03, F04, F05: a client that comes and vanishes. */
static void vanish(void *arg)
{
    if (!pma_fault_enabled(PMA_FAULT_F03) && !pma_fault_enabled(PMA_FAULT_F04) &&
        !pma_fault_enabled(PMA_FAULT_F05)) {
        return;
    }
    const int fd = open_client(arg);
    if (fd >= 0) {
        send_frame(fd, OPCODE_TEXT,
                   "{\"type\":\"subscribe\",\"data\":{\"topics\":[\"*\"]}}");
        lose(fd);
    }
}

/* F11: a topic that nobody else has, and its end. */
static void leave_topic(void *arg)
{
    char text[125];
    char answer[1024];
    const int fd = pma_fault_enabled(PMA_FAULT_F11) ? open_client(arg) : -1;
    if (fd < 0) {
        return;
    }
    fill_in("{\"type\":\"subscribe\",\"data\":{\"topics\":[\"fault:#\"]}}", next_number(),
            text, sizeof text);
    send_frame(fd, OPCODE_TEXT, text);
    send_frame(fd, OPCODE_BYE, "");
    while (recv(fd, answer, sizeof answer, 0) > 0) {
    }
    close(fd);
}

size_t pma_fault_client_actions(struct pma_app *app, struct pma_fault_action *actions,
                                size_t capacity)
{
    const struct pma_fault_action clients[] = {
        {PMA_FAULT_F03, vanish, app, false},
        {PMA_FAULT_F04, vanish, app, false},
        {PMA_FAULT_F05, vanish, app, false},
        {PMA_FAULT_F11, leave_topic, app, false},
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof clients / sizeof clients[0] && count < capacity; i++) {
        actions[count++] = clients[i];
    }
    for (size_t i = 0; i < PROVOCATIONS_COUNT && count < capacity; i++) {
        tasks[i] = (struct task){app, &provocations[i]};
        actions[count++] =
            (struct pma_fault_action){provocations[i].fault, provoke, &tasks[i], false};
    }
    return count;
}
