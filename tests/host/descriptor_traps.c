/* What is hard to count about descriptors, one trap a run: `descriptor_traps TRAP`.
 * Prints
 * {"counts": {function: [acquired, released]}, "open": [numbers]}.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            (void)fprintf(stderr, "line %d: %s: %s\n", __LINE__, #condition,             \
                          strerror(errno));                                              \
            abort();                                                                     \
        }                                                                                \
    } while (0)

enum { KEPT = 6, THREADS = 4, ROUNDS = 4000, KEEP_EVERY = 20, FIRST = 900 };

__attribute__((noinline)) static void keep(void)
{
    for (int i = 0; i < KEPT; i++) {
        int fd = open("/dev/null", O_RDONLY);

        CHECK(fd >= 0 && dup2(fd, FIRST + i) == FIRST + i && close(fd) == 0);
    }
}

static volatile sig_atomic_t interrupted; /* runs of open_and_close, in the parent */

static void print_kept(void)
{
    (void)printf("{\"counts\":{\"keep\":[%d,%d],\"open_and_close\":[%d,%d]},\"open\":[",
                 2 * KEPT, KEPT, (int)interrupted, (int)interrupted);
    for (int i = 0; i < KEPT; i++) {
        CHECK(fcntl(FIRST + i, F_GETFD) >= 0);
        (void)printf("%s%d", i > 0 ? "," : "", FIRST + i);
    }
    (void)printf("]}\n");
}

/* Has the parent's memory, and descriptors of its own. */
static void trap_vfork(void)
{
    int status = 0;
    pid_t child = 0;

    keep();
    child = vfork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)close(FIRST);
        (void)dup2(FIRST + 1, FIRST + 2);
        (void)open("/dev/null", O_RDONLY);
        (void)close_range(3, ~0U, 0);
        _exit(5);
    }
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
    print_kept();
}

static int close_and_open(void *unused)
{
    (void)unused;
    (void)close(FIRST);
    (void)dup2(FIRST + 1, FIRST + 2);
    (void)open("/dev/null", O_RDONLY);
    (void)close_range(3, ~0U, 0);
    return 5;
}

/* As vfork's, without vfork. stack_end: of the child's. */
static void clone_on(char *stack_end)
{
    int status = 0;
    pid_t child = 0;

    keep();
    child = clone(close_and_open, stack_end, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    CHECK(child >= 0);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
    print_kept();
}

static void trap_clone(void)
{
    static _Alignas(16) char stack[1 << 16];

    clone_on(stack + sizeof(stack));
}

/* On a piece of its parent's stack. */
static void trap_clone_here(void)
{
    _Alignas(16) char stack[1 << 16];

    clone_on(stack + sizeof(stack));
}

static void open_and_close(int number)
{
    (void)number;
    (void)close(open("/dev/null", O_RDONLY));
    interrupted++;
}

/* Signals that are pending when vfork is called come in the middle of it: the handlers
 * are the parent's, what follows is the child's. */
static void trap_vfork_signals(void)
{
    struct itimerval often = {.it_interval = {.tv_usec = 50},
                              .it_value = {.tv_usec = 50}};
    struct itimerval never = {.it_interval = {0}};
    int status = 0;

    keep();
    CHECK(signal(SIGALRM, open_and_close) != SIG_ERR);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int round = 0; round < 500; round++) {
        pid_t child = vfork();

        CHECK(child >= 0);
        if (child == 0) {
            (void)close(FIRST);
            (void)dup2(FIRST + 1, FIRST + 2);
            _exit(5);
        }
        while (waitpid(child, &status, 0) != child) {
            CHECK(errno == EINTR);
        }
        CHECK(WEXITSTATUS(status) == 5);
    }
    CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
    CHECK(interrupted > 100);
    print_kept();
}

/* Has memory and descriptors of its own, and a segment once it acquires something. */
static void trap_fork(void)
{
    int status = 0;
    pid_t child = 0;

    keep();
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)close(FIRST);
        (void)close_range(FIRST + 1, FIRST + 1, 0);
        int fd = open("/dev/null", O_RDONLY);
        _exit(fd >= 0 ? 5 : 6);
    }
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
    print_kept();
}

/* What a shell does for each command: no segment for that. */
static void trap_redirect(void)
{
    int status = 0;
    pid_t child = 0;

    keep();
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)dup2(FIRST, STDIN_FILENO);
        (void)close(FIRST);
        closefrom(3);
        _exit(5);
    }
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5);
    print_kept();
}

static int victim = -1;
static FILE *victim_stream;

static void *cancelled_in_close(void *unused)
{
    CHECK(pthread_cancel(pthread_self()) == 0);
    (void)close(victim);
    return unused;
}

static void *cancelled_in_fclose(void *unused)
{
    CHECK(pthread_cancel(pthread_self()) == 0);
    (void)fclose(victim_stream);
    return unused;
}

static void *cancelled_in_accept(void *unused)
{
    (void)accept(victim, NULL, NULL);
    return unused;
}

static void *cancelled_in_recvmsg(void *unused)
{
    char control[64];
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof(control)};

    (void)recvmsg(victim, &message, 0);
    return unused;
}

static void *cancelled_in_open(void *unused)
{
    CHECK(pthread_cancel(pthread_self()) == 0);
    (void)open("/dev/null", O_RDONLY);
    return unused;
}

static void cancel(void *(*run)(void *))
{
    pthread_t thread;
    void *result = NULL;

    CHECK(pthread_create(&thread, NULL, run, NULL) == 0);
    (void)pthread_cancel(thread);
    CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
}

/* A thread that ends inside a call leaves the descriptor and its entry as they are. */
__attribute__((noinline)) static void use_cancelled(void)
{
    int pair[2];

    victim = open("/dev/null", O_RDONLY);
    cancel(cancelled_in_close);
    CHECK(fcntl(victim, F_GETFD) >= 0);
    cancel(cancelled_in_open);
    CHECK(close(victim) == 0);
    victim_stream = fopen("/dev/null", "w");
    CHECK(fputc('x', victim_stream) == 'x'); /* to be written when it is closed */
    victim = fileno(victim_stream);
    cancel(cancelled_in_fclose);
    CHECK(fcntl(victim, F_GETFD) >= 0);
    CHECK(close(victim) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    victim = pair[0];
    cancel(cancelled_in_recvmsg);
    CHECK(close(pair[0]) == 0 && close(pair[1]) == 0);
    victim = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(victim, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t)) ==
          0); /* to a name that the kernel chooses */
    CHECK(listen(victim, 1) == 0);
    cancel(cancelled_in_accept);
    CHECK(close(victim) == 0);
}

static void trap_cancel(void)
{
    keep();
    use_cancelled();
    CHECK(close_range(FIRST, FIRST + KEPT - 1, 0) == 0);
    (void)printf("{\"counts\":{\"keep\":[%d,%d],\"use_cancelled\":[5,5]},\"open\":[]}\n",
                 2 * KEPT, 2 * KEPT);
}

static int raced[THREADS][ROUNDS / KEEP_EVERY];
static _Atomic unsigned races;

/* What one thread closes, another gets at once; an entry taken too late would be the
 * other's. */
__attribute__((noinline)) static void *race(void *kept)
{
    int pair[2];

    for (int i = 0; i < ROUNDS; i++) {
        int fd = open("/dev/null", O_RDONLY);
        int copy = fd >= 0 ? dup(fd) : -1;

        CHECK(fd >= 0 && copy >= 0 && close(fd) == 0);
        CHECK(pipe(pair) == 0 && dup2(copy, pair[0]) == pair[0]);
        CHECK(close(copy) == 0 && close(pair[0]) == 0 && close(pair[1]) == 0);
        races += 5;
        if (i % KEEP_EVERY == 0) {
            FILE *stream = fopen("/dev/null", "r");

            CHECK(stream != NULL && fclose(stream) == 0);
            ((int *)kept)[i / KEEP_EVERY] = open("/dev/null", O_RDONLY);
            races += 1;
        }
    }
    return NULL;
}

static int by_number(const void *one, const void *other)
{
    return *(const int *)one - *(const int *)other;
}

static void trap_race(void)
{
    enum { LEFT = sizeof(raced) / sizeof(int) };
    pthread_t threads[THREADS];

    keep();
    CHECK(close_range(FIRST, FIRST + KEPT - 1, 0) == 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, race, raced[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    qsort(raced, LEFT, sizeof(int), by_number);
    (void)printf("{\"counts\":{\"keep\":[%d,%d],\"race\":[%u,%u]},\"open\":[", 2 * KEPT,
                 2 * KEPT, races + LEFT, races);
    for (int i = 0; i < LEFT; i++) {
        int fd = (&raced[0][0])[i];

        CHECK(fcntl(fd, F_GETFD) >= 0);
        (void)printf("%s%d", i > 0 ? "," : "", fd);
    }
    (void)printf("]}\n");
}

static _Atomic unsigned handled;

__attribute__((noinline)) static void on_alarm(int number)
{
    int saved_errno = errno;
    int fd = dup(STDIN_FILENO);

    (void)number;
    handled += fd >= 0;
    (void)close(fd);
    errno = saved_errno;
}

__attribute__((noinline)) static void use_interrupted(void)
{
    for (int i = 0; i < ROUNDS * 5; i++) {
        int fd = open("/dev/null", O_RDONLY);

        CHECK(fd >= 0 && close(fd) == 0);
    }
}

/* Handlers that open and close between any two instructions of ours. */
static void trap_signals(void)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerspec often = {{0, 50000}, {0, 50000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;

    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &often, NULL) == 0);
    use_interrupted();
    CHECK(timer_delete(timer) == 0);
    CHECK(handled > 0);
    (void)printf("{\"counts\":{\"use_interrupted\":[%d,%d],\"on_alarm\":[%u,%u]},"
                 "\"open\":[]}\n",
                 ROUNDS * 5, ROUNDS * 5, handled, handled);
}

/* Closed past us, by a raw system call: counts as released once the number comes back. */
__attribute__((noinline)) static void use_raw(void)
{
    int fd = open("/dev/null", O_RDONLY);

    CHECK(fd >= 0 && syscall(SYS_close, fd) == 0);
    CHECK(dup(STDIN_FILENO) == fd);
    CHECK(syscall(SYS_close, fd) == 0);
    errno = 0;
    CHECK(close(fd) == -1 && errno == EBADF); /* fails: it is not open */
}

static void trap_raw(void)
{
    keep();
    use_raw();
    print_kept();
}

#define TRAP(name)                                                                       \
    {                                                                                    \
#name, trap_##name                                                               \
    }
static const struct {
    const char *name;
    void (*run)(void);
} traps[] = {TRAP(vfork),   TRAP(clone),    TRAP(clone_here), TRAP(vfork_signals),
             TRAP(fork),    TRAP(redirect), TRAP(cancel),     TRAP(race),
             TRAP(signals), TRAP(raw)};

int main(int count, char **arguments)
{
    for (size_t i = 0; count > 1 && i < sizeof(traps) / sizeof(traps[0]); i++) {
        if (strcmp(arguments[1], traps[i].name) == 0) {
            traps[i].run();
            return fflush(stdout);
        }
    }
    return 2;
}
