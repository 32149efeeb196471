/* Descriptors: the functions whose way is their own. The others: interpose_regular.c.
 *
 * A descriptor over which dup2 was called is closed by the kernel in the same step; its
 * entry is replaced by the new one's, and counts as released then. close_range says
 * first, by an empty range, whether it works here: afterwards it cannot fail, so what it
 * will close need not be kept to be put back.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/socket.h>

#include "arch.h"
#include "holding.h"
#include "interpose.h"
#include "real.h"

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

static int duplicated(int old, int made, uintptr_t sp, uintptr_t fp)
{
    if (made != old) { /* else nothing has happened */
        seep_holding_fd_replace(made, sp, fp);
    }
    return made;
}

int seep_wrap_dup2(int old, int wanted, uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.dup2) real = SEEP_REAL(dup2);

    return real != NULL ? duplicated(old, real(old, wanted), sp, fp)
                        : seep_real_missing();
}

int seep_wrap___dup2(int old, int wanted, uintptr_t sp, uintptr_t fp)
{
    return seep_wrap_dup2(old, wanted, sp, fp);
}

int seep_wrap_dup3(int old, int wanted, int flags, uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.dup3) real = SEEP_REAL(dup3);

    return real != NULL ? duplicated(old, real(old, wanted, flags), sp, fp)
                        : seep_real_missing();
}

static int controlled(int result, int command, uintptr_t sp, uintptr_t fp)
{
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
        seep_holding_fd_acquire(result, sp, fp);
    }
    return result;
}

int seep_wrap_fcntl(int fd, int command, void *argument, uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.fcntl) real = SEEP_REAL(fcntl);

    return real != NULL ? controlled(real(fd, command, argument), command, sp, fp)
                        : seep_real_missing();
}

int seep_wrap___fcntl(int fd, int command, void *argument, uintptr_t sp, uintptr_t fp)
{
    return seep_wrap_fcntl(fd, command, argument, sp, fp);
}

int seep_wrap_fcntl64(int fd, int command, void *argument, uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.fcntl64) real = SEEP_REAL(fcntl64);

    return real != NULL ? controlled(real(fd, command, argument), command, sp, fp)
                        : seep_real_missing();
}

/* Makes a descriptor, or changes the signals of the one it is given. */
int seep_wrap_signalfd(int fd, const void *mask, int flags, uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.signalfd) real = SEEP_REAL(signalfd);
    int made = real != NULL ? real(fd, mask, flags) : seep_real_missing();

    if (fd == -1) {
        seep_holding_fd_acquire(made, sp, fp);
    }
    return made;
}

/* Acquires the descriptors that came with a message: the kernel has already made them
 * ours, also when the program does not look, and once more for each MSG_PEEK. */
static void received(struct msghdr *message, uintptr_t sp, uintptr_t fp)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        const int *fds = (const int *)CMSG_DATA(part);
        size_t count = part->cmsg_len > CMSG_LEN(0)
                           ? (part->cmsg_len - CMSG_LEN(0)) / sizeof(*fds)
                           : 0;

        if (part->cmsg_level != SOL_SOCKET ||
            (part->cmsg_type != SCM_RIGHTS && part->cmsg_type != SCM_PIDFD)) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            int fd = 0;

            __builtin_memcpy(&fd, &fds[i], sizeof(fd));
            seep_holding_fd_acquire(fd, sp, fp);
        }
    }
}

ssize_t seep_wrap_recvmsg(int socket, struct msghdr *message, int flags, uintptr_t sp,
                          uintptr_t fp)
{
    __typeof__(seep_real.recvmsg) real = SEEP_REAL(recvmsg);
    ssize_t result = real != NULL ? real(socket, message, flags) : seep_real_missing();

    if (result >= 0) {
        received(message, sp, fp);
    }
    return result;
}

int seep_wrap_recvmmsg(int socket, struct mmsghdr *messages, unsigned count, int flags,
                       struct timespec *timeout, uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.recvmmsg) real = SEEP_REAL(recvmmsg);
    int result = real != NULL ? real(socket, messages, count, flags, timeout)
                              : seep_real_missing();

    for (int i = 0; i < result; i++) {
        received(&messages[i].msg_hdr, sp, fp);
    }
    return result;
}

int seep_wrap_openpty(int *master, int *slave, char *name, const struct termios *settings,
                      const struct winsize *size, uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.openpty) real = SEEP_REAL(openpty);
    int result =
        real != NULL ? real(master, slave, name, settings, size) : seep_real_missing();

    if (result == 0) {
        seep_holding_fd_acquire(*master, sp, fp);
        seep_holding_fd_acquire(*slave, sp, fp);
    }
    return result;
}

/* The child gets its terminal as standard streams: inherited. */
pid_t seep_wrap_forkpty(int *master, char *name, const struct termios *settings,
                        const struct winsize *size, uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.forkpty) real = SEEP_REAL(forkpty);
    pid_t child = real != NULL ? real(master, name, settings, size) : seep_real_missing();

    if (child > 0) {
        seep_holding_fd_acquire(*master, sp, fp);
    }
    return child;
}

/* Closes and opens, mostly under the same number; a cancellation point. When it fails,
 * the old descriptor is closed all the same. */
static struct _IO_FILE *reopened(__typeof__(seep_real.freopen) real, const char *path,
                                 const char *mode, struct _IO_FILE *stream,
                                 const uintptr_t *sp_fp)
{
    struct seep_holding_taken taken = seep_holding_fd_take(seep_interpose_fileno(stream));
    struct _IO_FILE *volatile made = NULL;

    pthread_cleanup_push(seep_holding_fd_settle_or_restore, &taken);
    made = real(path, mode, stream);
    pthread_cleanup_pop(0);
    if (made != NULL) {
        seep_holding_fd_settle(&taken);
        seep_holding_fd_acquire(seep_interpose_fileno(made), sp_fp[0], sp_fp[1]);
    } else {
        seep_holding_fd_settle_or_restore(&taken);
    }
    return made;
}

struct _IO_FILE *seep_wrap_freopen(const char *path, const char *mode,
                                   struct _IO_FILE *stream, uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.freopen) real = SEEP_REAL(freopen);

    return real != NULL ? reopened(real, path, mode, stream, (const uintptr_t[]){sp, fp})
                        : (seep_real_missing(), NULL);
}

struct _IO_FILE *seep_wrap_freopen64(const char *path, const char *mode,
                                     struct _IO_FILE *stream, uintptr_t sp, uintptr_t fp)
{
    __typeof__(seep_real.freopen64) real = SEEP_REAL(freopen64);

    return real != NULL ? reopened(real, path, mode, stream, (const uintptr_t[]){sp, fp})
                        : (seep_real_missing(), NULL);
}

SEEP_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    __typeof__(seep_real.close_range) real = SEEP_REAL(close_range);

    if (real == NULL) {
        return seep_real_missing();
    }
    if (first <= last && (flags & ~CLOSE_RANGE_UNSHARE) == 0 &&
        seep_arch_syscall3(SYS_close_range, UINT_MAX, UINT_MAX, 0) == 0) {
        seep_holding_fd_release_range(first, last);
    }
    return real(first, last, flags);
}

SEEP_EXPORT void closefrom(int first)
{
    __typeof__(seep_real.closefrom) real = SEEP_REAL(closefrom);

    if (real != NULL) {
        seep_holding_fd_release_range(first > 0 ? (unsigned)first : 0, UINT_MAX);
        real(first);
    } else {
        (void)seep_real_missing();
    }
}
