/* Segments come in: one message, one descriptor, from a process whose user the kernel
 * vouches for.
 *
 * The abstract namespace has no permissions, so the peer's uid is checked; its pid too is
 * the kernel's word. A message may carry descriptors that nobody asked for: all are
 * closed.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/handover_listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "collect/process_end.h"
#include "seep/handover.h"
#include "seep/segment.h"

enum { BACKLOG = 4096, FDS_MAX = 16 };

int seep_handover_open(char name[SEEP_SOCKET_NAME_BYTES])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint64_t random[2];
    int fd = -1;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return -EIO;
    }
    (void)snprintf(name, SEEP_SOCKET_NAME_BYTES, "@seep-run-%016llx%016llx",
                   (unsigned long long)random[0], (unsigned long long)random[1]);
    memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (bind(fd, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))) < 0 ||
        listen(fd, BACKLOG) < 0) {
        int err = -errno;

        close(fd);
        return err;
    }
    return fd;
}

int seep_handover_accept(int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    return fd >= 0 ? fd : -errno;
}

static int check_peer(int connection_fd, uint32_t *pid, struct seep_error *error)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(connection_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
        return seep_error_set(error, -errno, "handover: SO_PEERCRED: %s",
                              strerrordesc_np(errno));
    }
    if (geteuid() != 0 && peer.uid != geteuid() && peer.uid != getuid()) {
        return seep_error_set(error, -EPERM, "handover by user %u refused", peer.uid);
    }
    if (peer.pid <= 0) {
        return seep_error_set(error, -EPERM,
                              "handover from a process in a pid namespace that "
                              "cannot be seen from here");
    }
    *pid = (uint32_t)peer.pid;
    return 0;
}

/* Takes the first descriptor, closes the others. Returns: it; -1 none. */
static int take_descriptor(struct msghdr *message)
{
    int taken = -1;

    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t n = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; i < n; i++) {
            int fd = -1;

            memcpy(&fd, CMSG_DATA(part) + i * sizeof(fd), sizeof(fd));
            if (taken < 0) {
                taken = fd;
            } else {
                close(fd);
            }
        }
    }
    return taken;
}

int seep_handover_receive(int connection_fd, struct seep_handover_peer *peer,
                          struct seep_error *error)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control;
    struct seep_handover handover = {0};
    struct iovec piece = {&handover, sizeof(handover)};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    uint32_t pid = 0;
    ssize_t n = recv(connection_fd, &pid, sizeof(pid), MSG_PEEK | MSG_DONTWAIT);

    if (n == 0) {
        return -ECONNABORTED;
    }

    int err = check_peer(connection_fd, &pid, error);

    if (err < 0) {
        return err;
    }
    n = recvmsg(connection_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    if (n < 0) {
        return errno == EINTR ? -EAGAIN : -errno;
    }
    int fd = take_descriptor(&message);

    if ((fd < 0) != (handover.off_reason != SEEP_OFF_NONE) ||
        n != (ssize_t)sizeof(handover) || handover.magic != SEEP_HANDOVER_MAGIC ||
        handover.version != SEEP_SEGMENT_VERSION ||
        (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return seep_error_set(error, -EPROTO,
                              "process %u sent something else than a handover", pid);
    }
    bool by_number = false;
    int pidfd = fd >= 0 ? seep_process_open_peer(connection_fd, pid, &by_number) : -ESRCH;

    if (pidfd < 0 && pidfd != -ESRCH) {
        close(fd);
        return seep_error_set(error, pidfd, "process %u cannot be watched: %s", pid,
                              strerrordesc_np(-pidfd));
    }
    *peer = (struct seep_handover_peer){.segment_fd = fd,
                                        .pidfd = pidfd >= 0 ? pidfd : -1,
                                        .pid = pid,
                                        .off_reason = handover.off_reason,
                                        .by_number = by_number};
    return 0;
}

void seep_handover_answer(int connection_fd, bool taken)
{
    uint8_t answer = taken ? SEEP_HANDOVER_TAKEN : SEEP_HANDOVER_REFUSED;

    (void)send(connection_fd, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}
