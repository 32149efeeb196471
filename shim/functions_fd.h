/* Rows of the table (functions.h): descriptors.
 *
 * Names with two underscores are what fortified and old programs call. An opened message
 * queue is a descriptor in Linux. fcloseall has no row: glibc's flushes streams and
 * closes none.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_SHIM_FUNCTIONS_FD_H
#define SEEP_SHIM_FUNCTIONS_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct _IO_FILE;
struct __dirstream;
struct file_handle;
struct mmsghdr;
struct mq_attr;
struct termios;
struct timespec;
struct winsize;

#define SEEP_FD_FUNCTIONS(X)                                                             \
    SEEP_OPEN_FUNCTIONS(X)                                                               \
    SEEP_SPECIAL_FUNCTIONS(X)                                                            \
    SEEP_STREAM_FUNCTIONS(X)                                                             \
    SEEP_COPY_FUNCTIONS(X)                                                               \
    SEEP_CLOSE_FUNCTIONS(X)

/* Files by name. */
#define SEEP_OPEN_FUNCTIONS(X)                                                           \
    X(open, FD, FD, 3, int, (const char *path, int flags, mode_t mode),                  \
      (path, flags, mode))                                                               \
    X(open64, FD, FD, 3, int, (const char *path, int flags, mode_t mode),                \
      (path, flags, mode))                                                               \
    X(__open, FD, FD, 3, int, (const char *path, int flags, mode_t mode),                \
      (path, flags, mode))                                                               \
    X(__open64, FD, FD, 3, int, (const char *path, int flags, mode_t mode),              \
      (path, flags, mode))                                                               \
    X(__open_2, FD, FD, 2, int, (const char *path, int flags), (path, flags))            \
    X(__open64_2, FD, FD, 2, int, (const char *path, int flags), (path, flags))          \
    X(openat, FD, FD, 4, int, (int base, const char *path, int flags, mode_t mode),      \
      (base, path, flags, mode))                                                         \
    X(openat64, FD, FD, 4, int, (int base, const char *path, int flags, mode_t mode),    \
      (base, path, flags, mode))                                                         \
    X(__openat_2, FD, FD, 3, int, (int base, const char *path, int flags),               \
      (base, path, flags))                                                               \
    X(__openat64_2, FD, FD, 3, int, (int base, const char *path, int flags),             \
      (base, path, flags))                                                               \
    X(creat, FD, FD, 2, int, (const char *path, mode_t mode), (path, mode))              \
    X(creat64, FD, FD, 2, int, (const char *path, mode_t mode), (path, mode))            \
    X(open_by_handle_at, FD, FD, 3, int,                                                 \
      (int base, struct file_handle *handle, int flags), (base, handle, flags))          \
    X(shm_open, FD, FD, 3, int, (const char *name, int flags, mode_t mode),              \
      (name, flags, mode))                                                               \
    X(mq_open, FD, FD, 4, int,                                                           \
      (const char *name, int flags, mode_t mode, struct mq_attr *attributes),            \
      (name, flags, mode, attributes))                                                   \
    X(__mq_open_2, FD, FD, 2, int, (const char *name, int flags), (name, flags))         \
    X(mkstemp, FD, FD, 1, int, (char *name), (name))                                     \
    X(mkstemp64, FD, FD, 1, int, (char *name), (name))                                   \
    X(mkostemp, FD, FD, 2, int, (char *name, int flags), (name, flags))                  \
    X(mkostemp64, FD, FD, 2, int, (char *name, int flags), (name, flags))                \
    X(mkstemps, FD, FD, 2, int, (char *name, int ending), (name, ending))                \
    X(mkstemps64, FD, FD, 2, int, (char *name, int ending), (name, ending))              \
    X(mkostemps, FD, FD, 3, int, (char *name, int ending, int flags),                    \
      (name, ending, flags))                                                             \
    X(mkostemps64, FD, FD, 3, int, (char *name, int ending, int flags),                  \
      (name, ending, flags))

/* Sockets, pipes, and what the kernel makes without a name. */
#define SEEP_SPECIAL_FUNCTIONS(X)                                                        \
    X(socket, FD, FD, 3, int, (int domain, int type, int protocol),                      \
      (domain, type, protocol))                                                          \
    X(socketpair, FD_PAIR, FD, 4, int, (int domain, int type, int protocol, int *pair),  \
      (domain, type, protocol, pair))                                                    \
    X(accept, FD, FD, 3, int, (int listener, struct sockaddr *peer, socklen_t *bytes),   \
      (listener, peer, bytes))                                                           \
    X(accept4, FD, FD, 4, int,                                                           \
      (int listener, struct sockaddr *peer, socklen_t *bytes, int flags),                \
      (listener, peer, bytes, flags))                                                    \
    X(recvmsg, STACK, FD, 3, ssize_t, (int socket, struct msghdr *message, int flags))   \
    X(recvmmsg, STACK, FD, 5, int,                                                       \
      (int socket, struct mmsghdr *messages, unsigned count, int flags,                  \
       struct timespec *timeout))                                                        \
    X(pipe, FD_PAIR, FD, 1, int, (int *pair), (pair))                                    \
    X(__pipe, FD_PAIR, FD, 1, int, (int *pair), (pair))                                  \
    X(pipe2, FD_PAIR, FD, 2, int, (int *pair, int flags), (pair, flags))                 \
    X(epoll_create, FD, FD, 1, int, (int entries), (entries))                            \
    X(epoll_create1, FD, FD, 1, int, (int flags), (flags))                               \
    X(eventfd, FD, FD, 2, int, (unsigned start, int flags), (start, flags))              \
    X(timerfd_create, FD, FD, 2, int, (int clock, int flags), (clock, flags))            \
    X(signalfd, STACK, FD, 3, int, (int fd, const void *mask, int flags))                \
    X(inotify_init, FD, FD, 0, int, (void), ())                                          \
    X(inotify_init1, FD, FD, 1, int, (int flags), (flags))                               \
    X(fanotify_init, FD, FD, 2, int, (unsigned flags, unsigned event_flags),             \
      (flags, event_flags))                                                              \
    X(memfd_create, FD, FD, 2, int, (const char *name, unsigned flags), (name, flags))   \
    X(pidfd_open, FD, FD, 2, int, (pid_t pid, unsigned flags), (pid, flags))             \
    X(pidfd_getfd, FD, FD, 3, int, (int pidfd, int target, unsigned flags),              \
      (pidfd, target, flags))                                                            \
    X(userfaultfd, FD, FD, 1, int, (int flags), (flags))                                 \
    X(open_tree, FD, FD, 3, int, (int base, const char *path, unsigned flags),           \
      (base, path, flags))                                                               \
    X(fsopen, FD, FD, 2, int, (const char *name, unsigned flags), (name, flags))         \
    X(fsmount, FD, FD, 3, int, (int context, unsigned flags, unsigned attributes),       \
      (context, flags, attributes))                                                      \
    X(fspick, FD, FD, 3, int, (int base, const char *path, unsigned flags),              \
      (base, path, flags))                                                               \
    X(posix_openpt, FD, FD, 1, int, (int flags), (flags))                                \
    X(getpt, FD, FD, 0, int, (void), ())                                                 \
    X(openpty, STACK, FD, 5, int,                                                        \
      (int *master, int *slave, char *name, const struct termios *settings,              \
       const struct winsize *size))                                                      \
    X(forkpty, STACK, FD, 4, pid_t,                                                      \
      (int *master, char *name, const struct termios *settings,                          \
       const struct winsize *size))

/* Descriptors inside streams: glibc opens and closes them without the functions above. */
#define SEEP_STREAM_FUNCTIONS(X)                                                         \
    X(fopen, STREAM, FD, 2, struct _IO_FILE *, (const char *path, const char *mode),     \
      (path, mode))                                                                      \
    X(fopen64, STREAM, FD, 2, struct _IO_FILE *, (const char *path, const char *mode),   \
      (path, mode))                                                                      \
    X(fdopen, STREAM_ADOPT, FD, 2, struct _IO_FILE *, (int fd, const char *mode),        \
      (fd, mode))                                                                        \
    X(freopen, STACK, FD, 3, struct _IO_FILE *,                                          \
      (const char *path, const char *mode, struct _IO_FILE *stream))                     \
    X(freopen64, STACK, FD, 3, struct _IO_FILE *,                                        \
      (const char *path, const char *mode, struct _IO_FILE *stream))                     \
    X(tmpfile, STREAM, FD, 0, struct _IO_FILE *, (void), ())                             \
    X(tmpfile64, STREAM, FD, 0, struct _IO_FILE *, (void), ())                           \
    X(popen, STREAM, FD, 2, struct _IO_FILE *, (const char *command, const char *mode),  \
      (command, mode))                                                                   \
    X(opendir, DIRECTORY, FD, 1, struct __dirstream *, (const char *path), (path))       \
    X(fdopendir, DIRECTORY_ADOPT, FD, 1, struct __dirstream *, (int fd), (fd))           \
    X(fclose, STREAM_CLOSE, FD, 1, int, (struct _IO_FILE * stream), (stream))            \
    X(pclose, STREAM_CLOSE, FD, 1, int, (struct _IO_FILE * stream), (stream))            \
    X(closedir, DIRECTORY_CLOSE, FD, 1, int, (struct __dirstream * directory),           \
      (directory))

#define SEEP_COPY_FUNCTIONS(X)                                                           \
    X(dup, FD, FD, 1, int, (int old), (old))                                             \
    X(dup2, STACK, FD, 2, int, (int old, int wanted))                                    \
    X(__dup2, STACK, FD, 2, int, (int old, int wanted))                                  \
    X(dup3, STACK, FD, 3, int, (int old, int wanted, int flags))                         \
    X(fcntl, STACK, FD, 3, int, (int fd, int command, void *argument))                   \
    X(fcntl64, STACK, FD, 3, int, (int fd, int command, void *argument))                 \
    X(__fcntl, STACK, FD, 3, int, (int fd, int command, void *argument))

#define SEEP_CLOSE_FUNCTIONS(X)                                                          \
    X(close, FD_CLOSE, FD, 1, int, (int fd), (fd))                                       \
    X(__close, FD_CLOSE, FD, 1, int, (int fd), (fd))                                     \
    X(mq_close, FD_CLOSE, FD, 1, int, (int fd), (fd))                                    \
    X(close_range, PLAIN, FD, 3, int, (unsigned first, unsigned last, int flags))        \
    X(closefrom, PLAIN, FD, 1, void, (int first))

#endif
