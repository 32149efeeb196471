/* A load for memcached: so many connections, each with one request under way.
 *
 * usage: bench-memcached PORT CONNECTIONS REQUESTS VALUE_BYTES
 * One request in ten stores a value, nine fetch one, of 10,000 keys that are stored
 * before the clock starts. Speaks the text protocol to 127.0.0.1. Prints
 * {"requests_per_s":N}. Any answer that is not the expected one ends it with status 1.
 *
 * SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "micro.h"

enum { KEYS = 10000, SET_EACH = 10, REQUEST_BYTES = 64, VALUE_MAX = 4096, EVENTS = 64 };

struct connection {
    int fd;
    int is_set;
    size_t received;
    char answer[VALUE_MAX + REQUEST_BYTES];
};

static char value[VALUE_MAX + 3];
static size_t value_bytes;
static uint32_t random_state = 2463534242U;

static void send_request(struct connection *connection, unsigned key, int is_set)
{
    char request[VALUE_MAX + REQUEST_BYTES];
    int len = is_set ? snprintf(request, sizeof(request), "set key%u 0 0 %zu\r\n%s\r\n",
                                key, value_bytes, value)
                     : snprintf(request, sizeof(request), "get key%u\r\n", key);

    connection->is_set = is_set;
    connection->received = 0;
    bench_need(send(connection->fd, request, (size_t)len, MSG_NOSIGNAL) == len, "send");
}

/* Returns: whether the whole answer is there. */
static int receive(struct connection *connection)
{
    const char *end = connection->is_set ? "STORED\r\n" : "END\r\n";
    size_t end_bytes = strlen(end);
    size_t least = connection->is_set ? end_bytes : value_bytes;
    ssize_t got = recv(connection->fd, connection->answer + connection->received,
                       sizeof(connection->answer) - connection->received, 0);
    int is_whole = 0;

    bench_need(got > 0, "recv");
    connection->received += (size_t)got;
    is_whole = connection->received >= end_bytes &&
               memcmp(connection->answer + connection->received - end_bytes, end,
                      end_bytes) == 0;
    if (is_whole && connection->received < least) {
        fprintf(stderr, "a key is gone\n");
        exit(1);
    }
    return is_whole;
}

static void connect_to(struct connection *connection, unsigned long port, int poll)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int one = 1;

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bench_need(connection->fd >= 0 && connect(connection->fd, (struct sockaddr *)&address,
                                              sizeof(address)) == 0,
               "connect");
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    bench_need(epoll_ctl(poll, EPOLL_CTL_ADD, connection->fd, &event) == 0, "epoll");
}

static void store_all(struct connection *connection)
{
    for (unsigned key = 0; key < KEYS; key++) {
        send_request(connection, key, 1);
        while (!receive(connection)) {
        }
    }
}

static void next_request(struct connection *connection)
{
    uint32_t number = bench_random(&random_state);

    send_request(connection, (number >> 8) % KEYS, number % SET_EACH == 0);
}

static void run(int poll, unsigned long requests, unsigned long under_way)
{
    struct epoll_event events[EVENTS];
    unsigned long sent = under_way;

    for (unsigned long answered = 0; answered < requests;) {
        int count = epoll_wait(poll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;

            if (!receive(connection)) {
                continue;
            }
            answered++;
            if (sent < requests) {
                sent++;
                next_request(connection);
            }
        }
    }
}

int main(int argc, char **argv)
{
    unsigned long port = bench_argument(argc, argv, 1, "PORT");
    unsigned long count = bench_argument(argc, argv, 2, "CONNECTIONS");
    unsigned long requests = bench_argument(argc, argv, 3, "REQUESTS");
    struct connection *connections = calloc(count, sizeof(*connections));
    int poll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t start = 0;

    value_bytes = bench_argument(argc, argv, 4, "VALUE_BYTES");
    bench_need(connections != NULL && poll >= 0 && value_bytes <= VALUE_MAX &&
                   requests >= count,
               "start");
    memset(value, 'v', value_bytes);
    for (unsigned long i = 0; i < count; i++) {
        connect_to(&connections[i], port, poll);
    }
    store_all(&connections[0]);
    start = bench_clock_ns(CLOCK_MONOTONIC);
    for (unsigned long i = 0; i < count; i++) {
        next_request(&connections[i]);
    }
    run(poll, requests, count);
    bench_print("requests_per_s", (double)requests * 1e9 /
                                      (double)(bench_clock_ns(CLOCK_MONOTONIC) - start));
    free(connections);
    return 0;
}
