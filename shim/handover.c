/* Finding the collector and giving it the segment.
 *
 * Design: one message on a sequenced-packet socket of the abstract namespace, which
 * survives chroot and needs no file to be cleaned up. The message stays queued when the
 * program ends before the collector has looked. Nobody waits for an answer: a program
 * must not hang on its profiler. Without SEEP_SOCKET the name is derived from the pid of
 * the process itself (a former image of it may have had a collector: pid and collector
 * outlive exec), else of its nearest ancestor that has one, so that the host's
 * environment need not be changed.
 *
 * A name may be a stranger's: of another pid namespace, or of whoever had the pid before
 * and left descendants. The kernel tells by which process a socket listens; that process
 * must be the one asked for. A collector whose name is taken so gets a longer one, with
 * the start time. The longer name alone was rejected: an image in a chroot without /proc
 * could not find it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "handover.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "arch.h"
#include "seep/handover.h"
#include "seep/segment.h"
#include "sidecar.h"
#include "text.h"

enum {
    NAME_BYTES = 100,
    ANCESTORS_MAX = 32,
    CONNECT_TRIES = 250,
    BACKLOG = 4096,
    PAUSE_NS = 1000000,
    PEER_PIDFD = 77 /* SO_PEERPIDFD, Linux 6.5 */
};

/* The two names of a process's collector, in the order in which they are tried. */
enum name_form { NAME_OF_PID, NAME_OF_PID_AND_START, NAME_FORMS };

static char name[NAME_BYTES]; /* "@..." of the collector; inherited by forked children */

static socklen_t address_of(const char *socket_name, struct sockaddr_un *address)
{
    size_t len = strlen(socket_name);

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    len = len < sizeof(address->sun_path) ? len : sizeof(address->sun_path) - 1;
    memcpy(address->sun_path, socket_name, len);
    if (socket_name[0] == '@') {
        address->sun_path[0] = '\0';
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    }
    return (socklen_t)sizeof(*address);
}

static void name_of(uint32_t pid, enum name_form form, char *out)
{
    struct seep_text text = {out, 0, NAME_BYTES};

    seep_text_put(&text, "@seep-");
    seep_text_put_number(&text, (uint64_t)seep_arch_syscall3(SYS_geteuid, 0, 0, 0));
    seep_text_put(&text, "-");
    seep_text_put_number(&text, pid);
    if (form == NAME_OF_PID_AND_START) {
        seep_text_put(&text, "-");
        seep_text_put_number(&text, seep_text_start_ticks_of(pid));
    }
}

static int new_socket(void)
{
    return (int)seep_arch_syscall3(SYS_socket, AF_UNIX,
                                   SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Whether the process that made the peer's socket listen has ended. Kernels before 6.5
 * cannot say: no. */
static bool listener_has_ended(int fd)
{
    static const struct timespec at_once = {0};
    struct pollfd end = {.fd = -1, .events = POLLIN};
    socklen_t len = sizeof(end.fd);
    long result = seep_arch_syscall6(SYS_getsockopt, fd, SOL_SOCKET, PEER_PIDFD,
                                     (long)&end.fd, (long)&len, 0);

    if (result < 0) {
        return result == -ESRCH || result == -EINVAL;
    }
    result = seep_arch_syscall6(SYS_ppoll, (long)&end, 1, (long)&at_once, 0, 0, 0);
    (void)seep_arch_syscall3(SYS_close, end.fd, 0, 0);
    return result == 1;
}

/* Whether the peer is ours or root's, and listens since process `of` made it; 0: whoever
 * did. */
static bool peer_is_trusted(int fd, uint32_t of)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);

    if (seep_arch_syscall6(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, (long)&peer,
                           (long)&len, 0) < 0 ||
        (of != 0 && ((uint32_t)peer.pid != of || listener_has_ended(fd)))) {
        return false;
    }
    return peer.uid == 0 || peer.uid == (uid_t)seep_arch_syscall3(SYS_geteuid, 0, 0, 0) ||
           peer.uid == (uid_t)seep_arch_syscall3(SYS_getuid, 0, 0, 0);
}

/* Connects to the collector of this name; retries while its queue is full.
 *
 * of:      process that started it; 0 when that does not matter.
 * Returns: the socket; a negative errno (-EPERM: somebody else's). */
static int connect_to(const char *socket_name, uint32_t of)
{
    struct sockaddr_un address;
    struct timespec pause = {.tv_nsec = PAUSE_NS};
    socklen_t len = address_of(socket_name, &address);
    int fd = new_socket();
    long result = -EAGAIN;

    if (fd < 0) {
        return fd;
    }
    for (unsigned i = 0; i < CONNECT_TRIES && result == -EAGAIN; i++) {
        result = seep_arch_syscall3(SYS_connect, fd, &address, len);
        if (result == -EAGAIN) {
            (void)seep_arch_syscall4(SYS_nanosleep, &pause, 0, 0, 0);
        }
    }
    if (result == 0 && !peer_is_trusted(fd, of)) {
        result = -EPERM;
    }
    if (result < 0) {
        (void)seep_arch_syscall3(SYS_close, fd, 0, 0);
        return (int)result;
    }
    return fd;
}

/* The collector that process `pid` started. Returns: a socket and `name` filled; a
 * negative errno. */
static int connect_to_collector_of(uint32_t pid)
{
    int fd = -ECONNREFUSED;

    for (int form = 0; form < NAME_FORMS && fd < 0; form++) {
        name_of(pid, (enum name_form)form, name);
        fd = connect_to(name, pid);
    }
    return fd;
}

/* Asks for the process's own collector, which a former image may have started, the
 * parent's, the grandparent's, ... Returns: a socket and `name` filled; -ECONNREFUSED. */
static int connect_to_nearest(void)
{
    uint32_t pid = (uint32_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0);

    for (unsigned i = 0; i <= ANCESTORS_MAX && pid != 0; i++) {
        int fd = connect_to_collector_of(pid);

        if (fd >= 0) {
            return fd;
        }
        pid = i == 0 ? (uint32_t)seep_arch_syscall3(SYS_getppid, 0, 0, 0)
                     : seep_text_parent_of(pid);
    }
    return -ECONNREFUSED;
}

/* Binds to the first name of process `pid` that nobody has; fills `name`. Returns: 0; a
 * negative errno. */
static int bind_to_free_name(int listener, uint32_t pid)
{
    int result = -EADDRINUSE;

    for (int form = 0; form < NAME_FORMS && result == -EADDRINUSE; form++) {
        struct sockaddr_un address;
        socklen_t len = 0;

        name_of(pid, (enum name_form)form, name);
        len = address_of(name, &address);
        result = (int)seep_arch_syscall3(SYS_bind, listener, &address, len);
    }
    return result;
}

/* Starts a collector for this process and connects to it. */
static int connect_to_sidecar(void)
{
    uint32_t pid = (uint32_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0);
    int listener = new_socket();
    int result = listener;

    if (listener < 0) {
        return listener;
    }
    result = bind_to_free_name(listener, pid);
    if (result == 0) {
        result = (int)seep_arch_syscall3(SYS_listen, listener, BACKLOG, 0);
    }
    if (result == 0) {
        result = seep_sidecar_start(listener, pid);
    }
    if (result == 0) {
        result = connect_to(name, pid);
    }
    (void)seep_arch_syscall3(SYS_close, listener, 0, 0);
    return result;
}

static int find_collector(void)
{
    const char *given = getenv("SEEP_SOCKET");

    if (given != NULL && given[0] != '\0') {
        struct seep_text text = {name, 0, sizeof(name)};

        seep_text_put(&text, given);
    }
    if (name[0] != '\0') {
        return connect_to(name, 0);
    }
    int fd = connect_to_nearest();

    return fd >= 0 ? fd : connect_to_sidecar();
}

int seep_handover_send(int fd, enum seep_off_reason reason)
{
    struct seep_handover hello = {.magic = SEEP_HANDOVER_MAGIC,
                                  .version = SEEP_SEGMENT_VERSION,
                                  .pid =
                                      (uint32_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0),
                                  .off_reason = (uint32_t)reason};
    struct iovec part = {.iov_base = &hello, .iov_len = sizeof(hello)};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int connection = find_collector();
    long sent = 0;

    if (connection < 0) {
        return connection;
    }
    if (fd >= 0) {
        struct cmsghdr *header = &control.align;

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(fd));
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
    }
    sent = seep_arch_syscall3(SYS_sendmsg, connection, &message, MSG_NOSIGNAL);
    (void)seep_arch_syscall3(SYS_close, connection, 0, 0);
    return sent == (long)sizeof(hello) ? 0 : -ECONNREFUSED;
}
