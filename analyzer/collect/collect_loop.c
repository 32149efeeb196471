/* The collector's loop: registrations, ticks, peaks, and the ends of processes. A thread
 * beside it (peak_watch) only sleeps and wakes it.
 *
 * Design: one epoll, one event per wait, so that a descriptor closed by one event is
 * never met again in the same batch. Whatever a peer does, it waits in its own
 * connection.
 *
 * Invariants
 * L1: every connection ends: by its message, its hang-up, or its deadline.
 * L2: a session ends once its process has: by pidfd, by the word of `seep run`, or at
 * registration when the process was gone before.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/collect_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "attach/proc_file.h"
#include "collect/control.h"
#include "collect/handover_listen.h"
#include "collect/newcomer.h"
#include "collect/peak_watch.h"
#include "collect/roster.h"

enum {
    CONNECTIONS_MAX = 128,
    ACCEPTS_PER_TURN = 256,
    ACCEPTS_WHOLE_QUEUE = 2 * SEEP_SESSIONS_MAX,
    POLL_MS = 20, /* while a deadline is near */
    NS_PER_MS = 1000000
};

static const uint64_t connection_wait_ns = UINT64_C(2000000000);
/* for the word of `seep run` */
static const uint64_t status_wait_ns = UINT64_C(2000000000);
/* for a sidecar's first process */
static const uint64_t first_wait_ns = UINT64_C(5000000000);
/* at most, for a child forked just before the end */
static const uint64_t linger_ns = UINT64_C(300000000);

enum source {
    SOURCE_LISTEN = 1,
    SOURCE_CONNECTION = 2,
    SOURCE_CONTROL = 3,
    SOURCE_TIMER = 4,
    SOURCE_SIGNAL = 5,
    SOURCE_PROCESS = 6,
    SOURCE_PEAK = 7
};

struct connection {
    int fd;
    uint64_t deadline_ns;
};

struct loop {
    struct seep_roster roster;
    int epoll_fd, timer_fd, signal_fd, listen_fd, control_fd, spare_fd;
    bool sidecar;
    bool main_ended;      /* `seep run` has said so */
    int main_wait_status; /* valid with main_ended */
    bool done_sent;
    bool stopping; /* SIGTERM */
    uint64_t
        status_deadline_ns; /* the main process is gone, its status not known; 0 = no */
    uint64_t peak_due_ns;   /* a look at some heap waits until then; UINT64_MAX = none */
    uint64_t idle_since_ns; /* no session since; 0 = there is one */
    struct seep_newcomers newcomers;
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count;
};

static uint64_t now_ns(void)
{
    return seep_proc_clock_ns(CLOCK_MONOTONIC);
}

static int watch(struct loop *loop, int fd, enum source source)
{
    struct epoll_event event = {.events = EPOLLIN,
                                .data.u64 = (uint64_t)source << 32 | (uint32_t)fd};

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void end_session(struct loop *loop, struct seep_session *session,
                        const struct seep_process_end *end)
{
    seep_roster_end(&loop->roster, session, end);
    if (loop->roster.count == 0) {
        loop->idle_since_ns = now_ns();
    }
}

/* The process of a session is gone. Returns: false when its status may still come. */
static bool end_process(struct loop *loop, struct seep_session *session)
{
    struct seep_process_end end;
    bool is_main = session == loop->roster.main;

    if (is_main && loop->main_ended) {
        end = seep_process_end_of_wait(loop->main_wait_status);
    } else if (!seep_process_end_ask(session->pidfd, session->proc.dir_fd, &end)) {
        if (is_main && loop->control_fd >= 0 && loop->status_deadline_ns == 0) {
            loop->status_deadline_ns = now_ns() + status_wait_ns;
            return false;
        }
        end = seep_session_own_word(session);
    }
    end_session(loop, session, &end);
    return true;
}

static void register_peer(struct loop *loop, int connection_fd,
                          const struct seep_handover_peer *peer)
{
    struct seep_session *session = NULL;
    struct seep_error error = {0};

    if (peer->segment_fd < 0) {
        seep_roster_note_off(&loop->roster, peer);
        return;
    }
    if (!loop->roster.options.children && loop->roster.main_pid != 0 &&
        peer->pid != loop->roster.main_pid) {
        close(peer->segment_fd);
        if (peer->pidfd >= 0) {
            close(peer->pidfd);
        }
        seep_handover_answer(connection_fd, false);
        return;
    }
    int err = seep_roster_add(&loop->roster, peer, &session, &error);

    seep_handover_answer(connection_fd, err == 0);
    if (err < 0) {
        return;
    }
    loop->idle_since_ns = 0;
    if (session->pidfd < 0 || watch(loop, session->pidfd, SOURCE_PROCESS) < 0) {
        (void)end_process(loop, session);
    }
}

/* Looks for the message of a connection. Returns: false when the connection must wait. */
static bool receive(struct loop *loop, int connection_fd)
{
    struct seep_handover_peer peer;
    struct seep_error error = {0};
    int err = seep_handover_receive(connection_fd, &peer, &error);

    if (err == -EAGAIN) {
        return false;
    }
    if (err == 0) {
        register_peer(loop, connection_fd, &peer);
    } else if (err != -ECONNABORTED) {
        seep_handover_answer(connection_fd, false);
        seep_roster_refuse(&loop->roster, &error);
    }
    close(connection_fd);
    return true;
}

static void drop_connection(struct loop *loop, size_t i, bool close_it)
{
    if (close_it) {
        close(loop->connections[i].fd);
    }
    loop->connections[i] = loop->connections[--loop->connection_count];
}

static void on_connection(struct loop *loop, int fd)
{
    for (size_t i = 0; i < loop->connection_count; i++) {
        if (loop->connections[i].fd == fd && receive(loop, fd)) {
            drop_connection(loop, i, false);
            return;
        }
    }
}

static void expire_connections(struct loop *loop, uint64_t now)
{
    for (size_t i = loop->connection_count; i-- > 0;) {
        if (now >= loop->connections[i].deadline_ns) {
            drop_connection(loop, i, true);
            seep_roster_lose(&loop->roster, SEEP_LOSS_REFUSED);
        }
    }
}

static void add_connection(struct loop *loop, int fd)
{
    if (loop->connection_count == CONNECTIONS_MAX) {
        drop_connection(loop, 0,
                        true); /* whoever has been silent gives way to who comes */
        seep_roster_lose(&loop->roster, SEEP_LOSS_REFUSED);
    }
    if (watch(loop, fd, SOURCE_CONNECTION) < 0) {
        close(fd);
        return;
    }
    loop->connections[loop->connection_count++] =
        (struct connection){fd, now_ns() + connection_wait_ns};
}

/* Out of descriptors: the spare one makes room to take the connection off the queue and
 * refuse it. */
static void refuse_one(struct loop *loop)
{
    close(loop->spare_fd);

    int fd = seep_handover_accept(loop->listen_fd);

    if (fd >= 0) {
        seep_handover_answer(fd, false);
        close(fd);
        seep_roster_lose(&loop->roster, SEEP_LOSS_REFUSED);
    }
    loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void on_listen(struct loop *loop, int accepts)
{
    for (int i = 0; i < accepts; i++) {
        int fd = seep_handover_accept(loop->listen_fd);

        if (fd == -EMFILE || fd == -ENFILE) {
            refuse_one(loop);
            return;
        }
        if (fd < 0) {
            return;
        }
        if (!receive(loop, fd)) {
            add_connection(loop, fd);
        }
    }
}

static struct seep_session *session_of(struct loop *loop, int pidfd)
{
    for (size_t i = 0; i < loop->roster.count; i++) {
        if (loop->roster.sessions[i]->pidfd == pidfd) {
            return loop->roster.sessions[i];
        }
    }
    return NULL;
}

static bool has_ended(const struct seep_session *session)
{
    struct pollfd fd = {.fd = session->pidfd, .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

/* Takes in what happened before the main process's end: registrations that wait in the
 * queue, and children that ended first. Their lines belong into the recording that is
 * about to be closed. */
static void settle(struct loop *loop)
{
    on_listen(loop, ACCEPTS_WHOLE_QUEUE);
    for (size_t i = loop->roster.count; i-- > 0;) {
        struct seep_session *session =
            i < loop->roster.count ? loop->roster.sessions[i] : NULL;

        if (session != NULL && session != loop->roster.main && has_ended(session)) {
            (void)end_process(loop, session);
        }
    }
}

static void on_process(struct loop *loop, int pidfd)
{
    struct seep_session *session = session_of(loop, pidfd);

    if (session != NULL && session == loop->roster.main) {
        settle(loop);
        /* An image that came forward may have replaced it, and its descriptor's number.
         */
        session = session_of(loop, pidfd);
    }
    if (session != NULL && has_ended(session) && !end_process(loop, session)) {
        (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, pidfd, NULL);
    }
}

static void say_done(struct loop *loop)
{
    struct seep_roster *roster = &loop->roster;
    struct seep_control_message message = {
        .type = SEEP_CONTROL_DONE,
        .registered = roster->registered,
        .main_recorded = roster->main_recorded,
        .running = (uint32_t)roster->count,
        .children_kept = roster->children_kept,
        .complete = roster->main_complete,
    };

    (void)snprintf(message.file, sizeof(message.file), "%s", roster->file);
    (void)snprintf(message.trouble, sizeof(message.trouble), "%s", roster->trouble);
    (void)seep_control_send(loop->control_fd, &message);
    loop->done_sent = true;
}

static void on_main_ended(struct loop *loop, const struct seep_control_message *message)
{
    loop->main_ended = true;
    loop->main_wait_status = message->wait_status;
    settle(loop); /* its own segment may still wait in the queue */
    if (loop->roster.main != NULL) {
        (void)end_process(loop, loop->roster.main);
    }
    if (loop->roster.count == 0) {
        loop->idle_since_ns = now_ns();
    }
    say_done(loop);
}

static void on_control(struct loop *loop)
{
    struct seep_control_message message;
    int err = 0;

    while (loop->control_fd >= 0 &&
           (err = seep_control_receive(loop->control_fd, &message)) != -EAGAIN) {
        if (err < 0) { /* `seep run` is gone, or mad: the recording goes on without it */
            close(loop->control_fd);
            loop->control_fd = -1;
            if (loop->roster.count == 0) {
                loop->idle_since_ns = now_ns();
            }
        } else if (message.type == SEEP_CONTROL_MAIN) {
            loop->roster.main_pid = message.pid;
            loop->roster.after_program = false;
            (void)snprintf(loop->roster.file, sizeof(loop->roster.file), "%s",
                           message.file);
        } else if (message.type == SEEP_CONTROL_ENDED) {
            on_main_ended(loop, &message);
        }
    }
}

static void on_deadlines(struct loop *loop)
{
    uint64_t now = now_ns();

    if (now >= loop->peak_due_ns) {
        loop->peak_due_ns = seep_roster_look_at_peaks(&loop->roster);
    }
    expire_connections(loop, now);
    if (loop->status_deadline_ns != 0 && now >= loop->status_deadline_ns &&
        loop->roster.main != NULL) {
        (void)end_process(loop, loop->roster.main);
    }
}

static void dispatch(struct loop *loop, uint64_t data)
{
    int fd = (int)(uint32_t)data;
    uint64_t expirations = 0;
    ssize_t unused = 0;

    switch ((enum source)(data >> 32)) {
    case SOURCE_LISTEN:
        on_control(loop); /* the main process's pid is said before it can register */
        on_listen(loop, ACCEPTS_PER_TURN);
        break;
    case SOURCE_CONNECTION:
        on_connection(loop, fd);
        break;
    case SOURCE_CONTROL:
        on_control(loop);
        break;
    case SOURCE_TIMER:
        unused = read(fd, &expirations, sizeof(expirations));
        (void)unused;
        seep_roster_tick(&loop->roster);
        break;
    case SOURCE_SIGNAL:
        loop->stopping = true;
        break;
    case SOURCE_PEAK:
        unused = read(fd, &expirations, sizeof(expirations));
        loop->peak_due_ns = seep_roster_look_at_peaks(&loop->roster);
        break;
    case SOURCE_PROCESS:
        on_process(loop, fd);
        break;
    default:
        break;
    }
}

/* Who came before the search is in the queue or was found by it. A sidecar, for which
 * nobody waits, goes by the clock. */
static bool nobody_comes(struct loop *loop)
{
    loop->newcomers.since_ticks = loop->roster.main_start_ticks;
    if (loop->sidecar ||
        (loop->roster.options.children && seep_newcomers_expected(&loop->newcomers))) {
        return false;
    }
    on_listen(loop, ACCEPTS_WHOLE_QUEUE);
    return loop->roster.count == 0 && loop->connection_count == 0;
}

static bool is_over(struct loop *loop)
{
    uint64_t idle_ns = 0;

    if (loop->stopping) {
        return true;
    }
    if (loop->roster.count > 0 || loop->connection_count > 0 ||
        loop->idle_since_ns == 0) {
        return false;
    }
    if (!loop->sidecar && loop->control_fd >= 0 && !loop->main_ended) {
        return false;
    }
    idle_ns = now_ns() - loop->idle_since_ns;
    return idle_ns >= (loop->roster.registered == 0 && loop->sidecar ? first_wait_ns
                                                                     : linger_ns) ||
           nobody_comes(loop);
}

/* How long there is nothing to do but wait for events; -1 for ever. */
static int wait_ms(const struct loop *loop)
{
    bool hurried = loop->connection_count > 0 || loop->status_deadline_ns != 0 ||
                   loop->idle_since_ns != 0;
    uint64_t now = loop->peak_due_ns != UINT64_MAX ? now_ns() : 0;
    uint64_t left_ms =
        loop->peak_due_ns > now ? (loop->peak_due_ns - now) / NS_PER_MS + 1 : 0;

    if (loop->peak_due_ns != UINT64_MAX && left_ms < POLL_MS) {
        return (int)left_ms;
    }
    return hurried || loop->peak_due_ns != UINT64_MAX ? POLL_MS : -1;
}

static void run(struct loop *loop)
{
    while (!is_over(loop)) {
        struct epoll_event event;
        int n = epoll_wait(loop->epoll_fd, &event, 1, wait_ms(loop));

        if (n == 1) {
            dispatch(loop, event.data.u64);
        }
        on_deadlines(loop);
    }
    while (loop->roster.count > 0) {
        static const struct seep_process_end running = {SEEP_ENDING_RUNNING, 0};
        struct seep_session *session = loop->roster.sessions[loop->roster.count - 1];

        /* Children first: their lines go into the main recording. */
        if (session == loop->roster.main && loop->roster.count > 1) {
            session = loop->roster.sessions[0];
        }
        seep_roster_end(&loop->roster, session, &running);
    }
    if (loop->control_fd >= 0 && !loop->done_sent) {
        say_done(loop);
    }
}

static int start_timer(uint64_t interval_ns)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    uint64_t first_ns = now_ns() + interval_ns;
    struct itimerspec times = {
        .it_interval = {(time_t)(interval_ns / 1000000000),
                        (long)(interval_ns % 1000000000)},
        .it_value = {(time_t)(first_ns / 1000000000), (long)(first_ns % 1000000000)}};

    if (fd >= 0 && timerfd_settime(fd, TFD_TIMER_ABSTIME, &times, NULL) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int start_signals(void)
{
    sigset_t stop;
    sigset_t ignored;

    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigemptyset(&ignored);
    (void)sigaddset(&ignored, SIGINT);
    (void)sigaddset(&ignored, SIGQUIT);
    (void)sigaddset(&ignored, SIGHUP);
    (void)sigaddset(&ignored, SIGPIPE);
    (void)sigaddset(&ignored, SIGXFSZ); /* a file size limit shows as a failed write */
    (void)sigaddset(&ignored, SIGTERM);
    (void)pthread_sigmask(SIG_SETMASK, &ignored, NULL);
    return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int set_up(struct loop *loop, const struct seep_collect *collect)
{
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = start_timer(collect->options.interval_ns);
    loop->signal_fd = start_signals();
    loop->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (loop->epoll_fd < 0 || loop->timer_fd < 0 || loop->signal_fd < 0) {
        return -errno;
    }
    (void)fcntl(loop->listen_fd, F_SETFL, O_NONBLOCK);
    if (watch(loop, loop->listen_fd, SOURCE_LISTEN) < 0 ||
        watch(loop, loop->timer_fd, SOURCE_TIMER) < 0 ||
        watch(loop, loop->signal_fd, SOURCE_SIGNAL) < 0) {
        return -errno;
    }
    if (loop->control_fd >= 0) {
        (void)fcntl(loop->control_fd, F_SETFL, O_NONBLOCK);
        if (watch(loop, loop->control_fd, SOURCE_CONTROL) < 0) {
            return -errno;
        }
    }
    if (seep_peak_watch_new(&loop->roster.peak_watch) == 0) {
        (void)watch(loop, seep_peak_watch_fd(loop->roster.peak_watch), SOURCE_PEAK);
    }
    return 0;
}

static void close_all(struct loop *loop)
{
    const int fds[] = {loop->epoll_fd,  loop->timer_fd,   loop->signal_fd,
                       loop->listen_fd, loop->control_fd, loop->spare_fd};

    while (loop->connection_count > 0) {
        drop_connection(loop, 0, true);
    }
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

int seep_collect_run(const struct seep_collect *collect, struct seep_error *error)
{
    struct loop loop = {.listen_fd = collect->listen_fd,
                        .control_fd = collect->control_fd,
                        .sidecar = collect->control_fd < 0,
                        .newcomers = {.socket_name = collect->socket_name}};
    struct seep_peak_watch *peaks = NULL;
    int err = 0;

    raise_descriptor_limit();
    err =
        seep_roster_init(&loop.roster, collect->dir_fd, collect->file, &collect->options);
    if (err < 0) {
        return seep_error_set(error, err, "no memory for the collector");
    }
    loop.roster.main_pid = collect->main_pid;
    loop.peak_due_ns = UINT64_MAX;
    loop.idle_since_ns = loop.sidecar ? now_ns() : 0;
    err = set_up(&loop, collect);
    if (err == 0) {
        run(&loop);
    } else {
        (void)seep_error_set(error, err, "cannot set up the collector: %s",
                             strerrordesc_np(-err));
    }
    close_all(&loop);
    peaks = loop.roster.peak_watch;
    seep_roster_fini(&loop.roster);
    seep_peak_watch_free(peaks);
    return err;
}
