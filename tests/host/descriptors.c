/* Every function that makes or closes descriptors, called at least once and counted; some
 * descriptors stay open. Prints {"counts": {function: [acquired, released]}, "open":
 * [what /proc/self/fd shows beyond what was there at the start]}.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            (void)fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition,             \
                          strerror(errno));                                              \
            abort();                                                                     \
        }                                                                                \
    } while (0)

enum { FDS_MAX = 4096, NAME_BYTES = 64, FIRST_HIGH = 500, HIGH = 5 };

/* What fortified and old programs call. */
int __open(const char *path, int flags, ...);
int __open64(const char *path, int flags, ...);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int base, const char *path, int flags);
int __openat64_2(int base, const char *path, int flags);
mqd_t __mq_open_2(const char *name, int flags);
int __pipe(int *pair);
int __dup2(int old, int wanted);
int __fcntl(int fd, int command, ...);
int __close(int fd);
int fspick(int base, const char *path, unsigned flags);

static unsigned acquired; /* by the use under way */
static unsigned released;

static int got(int fd)
{
    CHECK(fd >= 0);
    acquired++;
    return fd;
}

/* One that this kernel or this user may not have. */
static int got_perhaps(int fd)
{
    acquired += fd >= 0;
    return fd;
}

static void shut(int fd)
{
    if (fd >= 0) {
        CHECK(close(fd) == 0);
        released++;
    }
}

static void use_open(void)
{
    char name[NAME_BYTES];

    shut(got(open("/dev/null", O_RDONLY)));
    shut(got(open64("/dev/null", O_RDWR | O_CLOEXEC)));
    shut(got(__open("/dev/null", O_RDONLY)));
    shut(got(__open64("/dev/null", O_RDONLY)));
    shut(got(__open_2("/dev/null", O_RDONLY)));
    shut(got(__open64_2("/dev/null", O_RDONLY)));
    shut(got(openat(AT_FDCWD, "/dev/null", O_RDONLY)));
    shut(got(openat64(AT_FDCWD, "/dev/null", O_RDONLY)));
    shut(got(__openat_2(AT_FDCWD, "/dev/null", O_RDONLY)));
    shut(got(__openat64_2(AT_FDCWD, "/dev/null", O_RDONLY)));
    (void)snprintf(name, sizeof(name), "/tmp/seep-descriptors-%d", (int)getpid());
    shut(got(creat(name, 0600)));
    shut(got(creat64(name, 0600)));
    CHECK(unlink(name) == 0);
    shut(got(open(name, O_CREAT | O_EXCL | O_RDWR, 0600)));
    struct stat status;
    CHECK(stat(name, &status) == 0 && (status.st_mode & 0777) == 0600);
    CHECK(unlink(name) == 0);
    shut(got(open("/tmp", O_TMPFILE | O_RDWR, 0600)));
    errno = 0;
    CHECK(open("/nonexistent", O_RDONLY) == -1 && errno == ENOENT);
    errno = 0;
    CHECK(openat(-1, "nonexistent", O_RDONLY) == -1 && errno == EBADF);
}

static void use_open_by_handle(void)
{
    struct {
        struct file_handle handle;
        char more[MAX_HANDLE_SZ];
    } place = {.handle.handle_bytes = MAX_HANDLE_SZ};
    int mount_id = 0;

    if (name_to_handle_at(AT_FDCWD, "/tmp", &place.handle, &mount_id, 0) == 0) {
        int base = got(open("/", O_RDONLY));

        shut(got_perhaps(open_by_handle_at(base, &place.handle, O_RDONLY)));
        shut(base);
    }
}

static void use_named_memory(void)
{
    char name[NAME_BYTES];
    mqd_t queue = 0;

    (void)snprintf(name, sizeof(name), "/seep-descriptors-%d", (int)getpid());
    shut(got(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600)));
    CHECK(shm_unlink(name) == 0);
    shut(got(memfd_create("test", MFD_CLOEXEC)));
    queue = got_perhaps(mq_open(name, O_CREAT | O_RDWR, 0600, NULL));
    if (queue >= 0) {
        CHECK(mq_close(queue) == 0);
        released++;
        queue = got(__mq_open_2(name, O_RDONLY));
        CHECK(mq_close(queue) == 0);
        released++;
        CHECK(mq_unlink(name) == 0);
    }
}

static void use_mkstemp(void)
{
#define MAKE(call)                                                                       \
    do {                                                                                 \
        char name[] = "/tmp/seep-XXXXXX.c";                                              \
        shut(got(call));                                                                 \
        CHECK(unlink(name) == 0);                                                        \
    } while (0)
#define MAKE_PLAIN(call)                                                                 \
    do {                                                                                 \
        char name[] = "/tmp/seep-XXXXXX";                                                \
        shut(got(call));                                                                 \
        CHECK(unlink(name) == 0);                                                        \
    } while (0)
    MAKE_PLAIN(mkstemp(name));
    MAKE_PLAIN(mkstemp64(name));
    MAKE_PLAIN(mkostemp(name, O_CLOEXEC));
    MAKE_PLAIN(mkostemp64(name, O_CLOEXEC));
    MAKE(mkstemps(name, 2));
    MAKE(mkstemps64(name, 2));
    MAKE(mkostemps(name, 2, O_CLOEXEC));
    MAKE(mkostemps64(name, 2, O_CLOEXEC));
}

static void use_sockets(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    int listener = got(socket(AF_INET, SOCK_STREAM, 0));

    CHECK(bind(listener, (struct sockaddr *)&address, bytes) == 0);
    CHECK(listen(listener, 4) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &bytes) == 0);
    for (int four = 0; four < 2; four++) {
        int client = got(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

        CHECK(connect(client, (struct sockaddr *)&address, bytes) == 0);
        shut(got(four ? accept4(listener, NULL, NULL, SOCK_CLOEXEC)
                      : accept(listener, NULL, NULL)));
        shut(client);
    }
    CHECK(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
    errno = 0;
    CHECK(accept(listener, NULL, NULL) == -1 && errno == EAGAIN);
    shut(listener);
}

static void use_pairs(void)
{
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    shut(got(pair[0]));
    shut(got(pair[1]));
    CHECK(pipe(pair) == 0);
    shut(got(pair[0]));
    shut(got(pair[1]));
    CHECK(__pipe(pair) == 0);
    shut(got(pair[0]));
    shut(got(pair[1]));
    CHECK(pipe2(pair, O_CLOEXEC) == 0);
    shut(got(pair[0]));
    shut(got(pair[1]));
    CHECK(pipe2(pair, -1) == -1);
}

static void use_kernel_objects(void)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    shut(got(epoll_create(1)));
    shut(got(epoll_create1(EPOLL_CLOEXEC)));
    shut(got(eventfd(0, 0)));
    shut(got(timerfd_create(CLOCK_MONOTONIC, 0)));
    int signals = got(signalfd(-1, &mask, 0));
    CHECK(signalfd(signals, &mask, 0) == signals); /* changes it: not a new one */
    shut(signals);
    shut(got(inotify_init()));
    shut(got(inotify_init1(IN_CLOEXEC)));
    shut(got_perhaps(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY)));
    int process = got(pidfd_open(getpid(), 0));
    shut(got_perhaps(pidfd_getfd(process, process, 0)));
    shut(process);
    shut(got_perhaps(open_tree(AT_FDCWD, "/tmp", OPEN_TREE_CLOEXEC)));
    int context = got_perhaps(fsopen("tmpfs", FSOPEN_CLOEXEC));
    if (context >= 0 && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0) {
        shut(got_perhaps(fsmount(context, 0, 0)));
    }
    shut(context);
    shut(got_perhaps(fspick(AT_FDCWD, "/", 0)));
}

static void use_terminals(void)
{
    int master = -1;
    int slave = -1;

    shut(got_perhaps(posix_openpt(O_RDWR | O_NOCTTY)));
    shut(got_perhaps(getpt()));
    if (openpty(&master, &slave, NULL, NULL, NULL) == 0) {
        shut(got(master));
        shut(got(slave));
        pid_t child = forkpty(&master, NULL, NULL, NULL);
        CHECK(child >= 0);
        if (child == 0) {
            _exit(7);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
        shut(got(master));
    }
}

/* Sends itself three descriptors in a message. */
static void send_three(int to)
{
    int fds[3] = {STDIN_FILENO, STDIN_FILENO, STDIN_FILENO};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(fds))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(sizeof(fds))}};
    char byte = 'x';
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
    CHECK(sendmsg(to, &message, 0) == 1);
}

static void shut_received(struct msghdr *message, int wanted)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(message);

    CHECK(part != NULL && part->cmsg_len == CMSG_LEN((size_t)wanted * sizeof(int)));
    for (int i = 0; i < wanted; i++) {
        int fd = -1;

        memcpy(&fd, CMSG_DATA(part) + (size_t)i * sizeof(int), sizeof(fd));
        shut(got(fd));
    }
}

static void use_received(void)
{
    int pair[2];
    char byte[2];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(3 * sizeof(int))];
    } control[2];
    struct iovec data[2] = {{&byte[0], 1}, {&byte[1], 1}};
    struct mmsghdr messages[2];

    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    (void)got(pair[0]);
    (void)got(pair[1]);
    for (int i = 0; i < 2; i++) {
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &data[i],
                                              .msg_iovlen = 1,
                                              .msg_control = &control[i],
                                              .msg_controllen = sizeof(control[i])};
        send_three(pair[0]);
    }
    CHECK(recvmmsg(pair[1], messages, 2, 0, NULL) == 2);
    shut_received(&messages[0].msg_hdr, 3);
    shut_received(&messages[1].msg_hdr, 3);
    send_three(pair[0]);
    for (int peek = 1; peek >= 0; peek--) { /* a look brings descriptors, too */
        messages[0].msg_hdr.msg_controllen = sizeof(control[0]);
        CHECK(recvmsg(pair[1], &messages[0].msg_hdr, peek ? MSG_PEEK : 0) == 1);
        shut_received(&messages[0].msg_hdr, 3);
    }
    send_three(pair[0]);
    messages[0].msg_hdr.msg_controllen = CMSG_LEN(sizeof(int)); /* room for one */
    CHECK(recvmsg(pair[1], &messages[0].msg_hdr, 0) == 1);
    CHECK((messages[0].msg_hdr.msg_flags & MSG_CTRUNC) != 0);
    shut_received(&messages[0].msg_hdr, 1);
    CHECK(send(pair[0], "x", 1, 0) == 1);
    messages[0].msg_hdr.msg_controllen = sizeof(control[0]);
    CHECK(recvmsg(pair[1], &messages[0].msg_hdr, 0) == 1); /* brings none */
    shut(pair[0]);
    shut(pair[1]);
}

static void end_stream(FILE *stream)
{
    CHECK(fclose(stream) == 0);
    released++;
}

static void use_streams(void)
{
    FILE *stream = fopen("/dev/null", "r");

    (void)got(fileno(stream));
    stream = freopen("/dev/zero", "r", stream); /* the old is closed, a new one opened */
    released++;
    (void)got(fileno(stream));
    stream = freopen64("/dev/null", "r", stream);
    released++;
    (void)got(fileno(stream));
    end_stream(stream);
    stream = fopen("/dev/null", "r");
    (void)got(fileno(stream));
    CHECK(freopen("/nonexistent", "r", stream) == NULL && errno == ENOENT);
    released++;
    stream = fopen64("/dev/null", "r");
    (void)got(fileno(stream));
    end_stream(stream);
    int fd = got(open("/dev/null", O_RDONLY));
    end_stream(fdopen(fd, "r")); /* around a descriptor that is known: not a new one */
    CHECK(fopen("/nonexistent", "r") == NULL && errno == ENOENT);
    stream = tmpfile();
    (void)got(fileno(stream));
    end_stream(stream);
    stream = tmpfile64();
    (void)got(fileno(stream));
    end_stream(stream);
    stream = popen("exit 3", "r");
    (void)got(fileno(stream));
    CHECK(WEXITSTATUS(pclose(stream)) == 3);
    released++;
    char memory[4];
    stream = fmemopen(memory, sizeof(memory), "w"); /* has no descriptor */
    errno = 0;
    CHECK(fclose(stream) == 0 && errno == 0);
}

static void use_directories(void)
{
    DIR *directory = opendir("/tmp");

    (void)got(dirfd(directory));
    CHECK(closedir(directory) == 0);
    released++;
    int fd = got(open("/tmp", O_RDONLY | O_DIRECTORY));
    directory = fdopendir(fd);
    CHECK(directory != NULL && closedir(directory) == 0);
    released++;
    CHECK(opendir("/nonexistent") == NULL && errno == ENOENT);
}

static void use_copies(void)
{
    int fd = got(open("/dev/null", O_RDONLY));

    shut(got(dup(fd)));
    shut(got(fcntl(fd, F_DUPFD, 100)));
    shut(got(fcntl64(fd, F_DUPFD_CLOEXEC, 100)));
    shut(got(__fcntl(fd, F_DUPFD, 100)));
    CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    int over = got(dup(fd));
    CHECK(dup2(fd, over) == over); /* closes what was there */
    released++;
    (void)got(over);
    CHECK(__dup2(fd, over) == over);
    released++;
    (void)got(over);
    CHECK(dup3(fd, over, O_CLOEXEC) == over);
    released++;
    (void)got(over);
    CHECK(dup2(over, over) == over); /* does nothing */
    errno = 0;
    CHECK(dup2(-1, over) == -1 && errno == EBADF); /* fails, `over` is open */
    errno = 0;
    CHECK(dup3(fd, fd, 0) == -1 && errno == EINVAL);
    shut(over);
    CHECK(dup2(fd, 200) == 200);
    shut(got(200));
    CHECK(__close(fd) == 0);
    released++;
}

static void use_closes(void)
{
    int fds[8];

    errno = 0;
    CHECK(close(-1) == -1 && errno == EBADF);
    errno = 0;
    CHECK(close(3000) == -1 && errno == EBADF);
    for (int i = 0; i < 8; i++) {
        fds[i] = got(fcntl(STDIN_FILENO, F_DUPFD, FIRST_HIGH));
        CHECK(fds[i] == FIRST_HIGH + i);
    }
    CHECK(close_range(FIRST_HIGH, ~0U, CLOSE_RANGE_CLOEXEC) == 0); /* closes none */
    errno = 0;
    CHECK(close_range(FIRST_HIGH + 8, FIRST_HIGH, 0) == -1 && errno == EINVAL);
    errno = 0;
    CHECK(close_range(FIRST_HIGH, FIRST_HIGH + 1, 1 << 20) == -1 && errno == EINVAL);
    CHECK(close_range(FIRST_HIGH + 1, FIRST_HIGH + 2, 0) == 0);
    released += 2;
    CHECK(close_range(FIRST_HIGH + 3, FIRST_HIGH + 3, CLOSE_RANGE_UNSHARE) == 0);
    released += 1;
    CHECK(fcntl(FIRST_HIGH + 2, F_GETFD) == -1 && fcntl(FIRST_HIGH + 4, F_GETFD) >= 0);
    closefrom(FIRST_HIGH);
    released += HIGH;
    CHECK(fcntl(FIRST_HIGH, F_GETFD) == -1);
    CHECK(fcntl(FIRST_HIGH + 7, F_GETFD) == -1);
}

static FILE *kept_stream;
static int early;

/* Before main and after it. */
__attribute__((constructor(101))) static void open_early(void)
{
    early = open("/dev/null", O_RDONLY);
}
__attribute__((destructor(101))) static void close_late(void)
{
    (void)close(early);
}

static void keep_files(void)
{
    (void)got(open("/dev/null", O_RDONLY));
    kept_stream = fopen("/dev/zero", "r");
    (void)got(fileno(kept_stream));
    CHECK(fcloseall() == 0); /* flushes; the streams' descriptors stay open */
}

static void keep_sockets(void)
{
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    (void)got(pair[0]);
    (void)got(pair[1]);
    (void)got(dup2(pair[0], 300));
}

#define USE(name)                                                                        \
    {                                                                                    \
#name, name                                                                      \
    }
static const struct {
    const char *name;
    void (*run)(void);
} uses[] = {
    USE(use_open),      USE(use_open_by_handle), USE(use_named_memory),
    USE(use_mkstemp),   USE(use_sockets),        USE(use_pairs),
    USE(use_terminals), USE(use_kernel_objects), USE(use_received),
    USE(use_streams),   USE(use_directories),    USE(use_copies),
    USE(use_closes),    USE(keep_sockets),       USE(keep_files),
};

/* Marks the descriptors that are open. */
static void look(bool *open_now)
{
    for (int fd = 0; fd < FDS_MAX; fd++) {
        char name[NAME_BYTES];

        (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
        open_now[fd] = faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    }
}

int main(void)
{
    static bool before[FDS_MAX];
    static bool after[FDS_MAX];
    static char text[1 << 14];
    int at = 0;

    look(before);
    before[early] = true;
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        acquired = released = 0;
        uses[i].run();
        at += snprintf(text + at, sizeof(text) - (size_t)at, "\"%s\":[%u,%u],",
                       uses[i].name, acquired, released);
    }
    at += snprintf(text + at, sizeof(text) - (size_t)at,
                   "\"open_early\":[1,1]},\"open\":[");
    look(after);
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (after[fd] && !before[fd]) {
            at += snprintf(text + at, sizeof(text) - (size_t)at, "%d,", fd);
        }
    }
    text[at - 1] = '\0';
    (void)printf("{\"counts\":{%s]}\n", text);
    return fflush(stdout);
}
