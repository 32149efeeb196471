/* Messages between `seep run` and its collector.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/control.h"

#include <errno.h>
#include <sys/socket.h>

int seep_control_send(int fd, const struct seep_control_message *message)
{
    ssize_t n = -1;

    do {
        n = send(fd, message, sizeof(*message), MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(*message) ? 0 : -errno;
}

int seep_control_receive(int fd, struct seep_control_message *message)
{
    struct seep_control_message received;
    ssize_t n = -1;

    do {
        n = recv(fd, &received, sizeof(received), 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == ECONNRESET ? -EPIPE : -errno;
    }
    if (n != (ssize_t)sizeof(received)) {
        return n == 0 ? -EPIPE : -EPROTO;
    }
    received.file[sizeof(received.file) - 1] = '\0';
    received.trouble[sizeof(received.trouble) - 1] = '\0';
    *message = received;
    return 0;
}
