/* A listening socket, IPv4 or IPv6.
 *
 * SPDX-License-Identifier: MIT
 */
#include "serve/serve_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64 };

static int open_socket(struct seep_gate *gate)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } address = {0};
    bool is_six = gate->address[0] == '[';
    socklen_t bytes = is_six ? sizeof(address.six) : sizeof(address.four);
    char text[sizeof(gate->address)];
    const int on = 1;
    int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    (void)snprintf(text, sizeof(text), "%.*s",
                   is_six ? (int)strlen(gate->address) - 2 : INT_MAX,
                   gate->address + (is_six ? 1 : 0));
    if (is_six) {
        address.six.sin6_family = AF_INET6;
        address.six.sin6_port = htons(gate->port);
        (void)inet_pton(AF_INET6, text, &address.six.sin6_addr);
    } else {
        address.four.sin_family = AF_INET;
        address.four.sin_port = htons(gate->port);
        (void)inet_pton(AF_INET, text, &address.four.sin_addr);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &address.any, bytes) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, &address.any, &bytes) < 0) {
        int code = -errno;

        close(fd);
        return code;
    }
    gate->port = ntohs(is_six ? address.six.sin6_port : address.four.sin_port);
    return fd;
}

int seep_listen_open(struct seep_gate *gate, struct seep_error *error)
{
    int fd = open_socket(gate);

    return fd < 0 ? seep_error_set(error, fd, "cannot listen on %s:%u: %s", gate->address,
                                   gate->port, strerrordesc_np(-fd))
                  : fd;
}
