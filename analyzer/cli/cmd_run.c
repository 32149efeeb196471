/* seep run: a program recorded from its start to its end, and what it leaked.
 *
 * The program keeps the terminal, its process group and its three streams. This process
 * only waits: what the terminal sends reaches the program by itself; what is sent to this
 * process alone is passed on. All that records is in the collector, a process that
 * neither of the two can take along when it dies.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/run_listen.h"
#include "cli/run_options.h"
#include "collect/control.h"
#include "collect/file_name.h"
#include "collect/handover_listen.h"
#include "collect/preload_check.h"
#include "collect/preload_env.h"
#include "collect/record_write.h"
#include "collect/spawn.h"

enum {
    KILL_AFTER_MS = 10000,
    COLLECTOR_WAIT_MS = 60000,
    COLLECTOR_END_MS = 1000,
    SIGNAL_BASE = 128,
    NS_PER_MS = 1000000
};

const char *const seep_help_run =
    "seep run - records a program; when it ends, prints what it leaks\n"
    "\n"
    "usage: seep run [options] [--] PROGRAM [ARG...]\n"
    "\n"
    "  -o, --output FILE   the recording (default PROGRAM.PID.seep); an existing FILE is "
    "replaced only\n"
    "                      when the new one is complete\n"
    "  --interval S        seconds between snapshots, 0.1 to 3600 (default 1)\n"
    "  --duration S        end the program after S seconds: SIGTERM, 10 s later SIGKILL\n"
    "  --mode full         record every allocation (default)\n"
    "  --mode sampled[=N]  record heap blocks by chance, one in N bytes (64 to 1g; k, m, "
    "g; default\n"
    "                      512k); the report says how far its estimates may be off\n"
    "  --no-children       record only PROGRAM, not the processes that it starts\n"
    "  --min-child S       a child that lived shorter leaves a line, not a file (default "
    "5)\n"
    "  --stuck-after S     look at threads that have not moved for S seconds: what each "
    "waits for, who\n"
    "                      holds it, whether anybody can wake it (1 to 86400, default "
    "30)\n"
    "  --fail-on VERDICT   exit 1 when a finding is at least: suspect, probable, "
    "definite\n"
    "  --at-exit-threads none[=S]\n"
    "                      each thread that is left when PROGRAM exits, running or "
    "unjoined, is a\n"
    "                      definite finding; those about to end get S seconds (default "
    "1)\n"
    "  --suppress FILE     leave out findings that its rules name (see: seep help "
    "report)\n"
    "  --subsystems FILE   name subsystems by rules (see: seep help report)\n"
    "  --check N           compare every Nth stack with libunwind's: for verifying Seep, "
    "slow; the\n"
    "                      recording says how many differ\n"
    "  --listen[=ADDRESS:PORT]\n"
    "                      a web page of the run while it lasts (127.0.0.1:7337; see: "
    "seep "
    "help serve);\n"
    "                      PROGRAM finds its address in SEEP_LISTEN\n"
    "  --listen-after-end  the same, and until Ctrl-C when PROGRAM has ended\n"
    "  --alert-to TO       tell an Alertmanager, a webhook or a command of findings "
    "while "
    "PROGRAM runs;\n"
    "                      this, --alert-at, --alert-forecast and --alert-secret-file "
    "are "
    "those of\n"
    "                      seep serve, which they start beside PROGRAM (see: seep help "
    "serve)\n"
    "  --push URL          push its heap profile to a Pyroscope there, in the same way; "
    "--push-every\n"
    "                      TIME says how often (1m)\n"
    "  -q, --quiet         no report\n"
    "\n"
    "The report goes to stderr after PROGRAM has ended. Exit status: that of PROGRAM, "
    "128+N when signal N\n"
    "ended it, 1 when --fail-on found something, 2 wrong usage, 3 Seep failed.\n"
    "\n"
    "examples:\n"
    "  seep run ./server --port 8080\n"
    "  seep run --duration 3600 --interval 5 -o soak.seep -- ./server\n"
    "  seep run --fail-on probable -- make test\n"
    "  seep run --alert-to alertmanager:http://localhost:9093 -- ./server\n"
    "  seep run --fail-on definite --at-exit-threads none -- ./test_pool\n";

struct run {
    struct seep_run_options options;
    char **argv;        /* whole command line: the collector renames itself there */
    char dir[PATH_MAX]; /* absolute */
    char file[256];     /* "" until the pid is known */
    char path[PATH_MAX + 512]; /* of the recording */
    bool file_existed;
    int dir_fd, listen_fd, control_fd, signal_fd;
    char socket_name[SEEP_SOCKET_NAME_BYTES];
    pid_t collector;
    bool collector_goes_on; /* for processes that the program left behind */
    struct seep_spawned program;
    int wait_status;
    sigset_t old_mask;
    struct seep_run_listen listen;
};

static int fail(const char *what, int err)
{
    fprintf(stderr, "seep run: %s: %s\n", what, strerrordesc_np(err < 0 ? -err : err));
    return SEEP_EXIT_FAILED;
}

/* Finds where the recording goes, before anything starts. */
static int resolve_output(struct run *run)
{
    const char *out = run->options.out;
    char resolved[PATH_MAX];
    char copy[PATH_MAX];
    struct stat status;

    if (out == NULL) {
        (void)snprintf(copy, sizeof(copy), ".");
    } else if (strlen(out) >= sizeof(copy)) {
        return seep_cli_usage_error("run", "-o: the path is too long");
    } else {
        if (stat(out, &status) == 0) {
            if (!S_ISREG(status.st_mode)) {
                return seep_cli_usage_error("run", "-o '%s' is not a regular file", out);
            }
            out = realpath(out, resolved) != NULL ? resolved : out;
        }
        (void)snprintf(copy, sizeof(copy), "%s", out);

        const char *base = strrchr(copy, '/') != NULL ? strrchr(copy, '/') + 1 : copy;

        if (base[0] == '\0' || strlen(base) >= sizeof(run->file) - 32) {
            return seep_cli_usage_error("run", "-o '%s': not a usable file name", out);
        }
        (void)snprintf(run->file, sizeof(run->file), "%.223s", base);

        const char *dir = dirname(copy);

        memmove(copy, dir, strlen(dir) + 1);
    }
    if (realpath(copy, run->dir) == NULL || access(run->dir, W_OK | X_OK) < 0) {
        int err = errno;

        fprintf(stderr, "seep run: cannot write into '%s': %s\n", copy,
                strerrordesc_np(err));
        return SEEP_EXIT_USAGE;
    }
    run->dir_fd = open(run->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run->dir_fd < 0) {
        return fail(run->dir, errno);
    }
    if (run->file[0] != '\0' && seep_record_is_growing(run->dir_fd, run->file)) {
        return seep_cli_usage_error("run", "-o '%s': another seep is writing it", out);
    }
    return 0;
}

static void name_output(struct run *run)
{
    if (run->file[0] == '\0') {
        const char *slash = strrchr(run->options.program[0], '/');
        const char *base = slash != NULL ? slash + 1 : run->options.program[0];

        char stem[224];

        /* Only a name that somebody chose is a name to replace. */
        (void)snprintf(stem, sizeof(stem), "%.200s.%d", base, (int)run->program.pid);
        if (seep_file_name_free(run->dir_fd, stem, 0, run->file) < 0) {
            (void)snprintf(run->file, sizeof(run->file), "%s.seep", stem);
        }
    }
    run->file_existed = faccessat(run->dir_fd, run->file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int check_program(const char *program)
{
    char path[PATH_MAX];
    struct seep_error error = {0};
    int err = seep_preload_find(program, path, sizeof(path));

    if (err < 0) {
        fprintf(stderr, "seep run: cannot run '%s': %s\n", program,
                strerrordesc_np(-err));
        return SEEP_EXIT_USAGE;
    }
    if (seep_preload_check(path, &error) < 0) {
        fprintf(stderr, "seep run: %s\n", error.message);
        return SEEP_EXIT_USAGE;
    }
    return 0;
}

/* Signals are read, not handled; the program and the collector start without this mask.
 */
static int block_signals(struct run *run)
{
    static const int numbers[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    sigset_t mask;

    (void)sigemptyset(&mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)sigaddset(&mask, numbers[i]);
    }
    (void)pthread_sigmask(SIG_BLOCK, &mask, &run->old_mask);
    run->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    return run->signal_fd < 0 ? fail("signalfd", errno) : 0;
}

static int start_collector(struct run *run)
{
    int pair[2];

    run->listen_fd = seep_handover_open(run->socket_name);
    if (run->listen_fd < 0) {
        return fail("cannot listen for the program", run->listen_fd);
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return fail("socketpair", errno);
    }
    struct seep_collect collect = {.listen_fd = run->listen_fd,
                                   .control_fd = pair[1],
                                   .dir_fd = run->dir_fd,
                                   .socket_name = run->socket_name,
                                   .file = "",
                                   .options = run->options.collect};

    run->collector = seep_spawn_collector(&collect, run->argv);
    close(pair[1]);
    close(run->listen_fd);
    run->control_fd = pair[0];
    return run->collector < 0 ? fail("cannot start the collector", run->collector) : 0;
}

/* Starts the page, now that the recording has a name. */
static void show(struct run *run)
{
    char path[PATH_MAX + 512];

    if (run->options.listen != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s%s", run->dir, run->file,
                       run->file_existed ? ".partial" : "");
        seep_run_listen_start(&run->listen, path, &run->options, &run->old_mask);
        if (run->listen.server > 0 && !run->options.quiet) {
            fprintf(stderr, "seep run: %s shows it\n", run->listen.url);
        }
    }
}

static int start_program(struct run *run, const char *library)
{
    struct seep_control_message message = {.type = SEEP_CONTROL_MAIN};
    char **env =
        seep_preload_env(environ, library, run->socket_name, &run->options.collect);
    int err = 0;

    if (env == NULL) {
        return fail("environment", ENOMEM);
    }
    err = seep_spawn_program(run->options.program, env, &run->old_mask, &run->program);
    seep_preload_env_free(env);
    if (err < 0) {
        return fail("cannot start a process", err);
    }
    name_output(run);
    message.pid = (uint32_t)run->program.pid;
    (void)snprintf(message.file, sizeof(message.file), "%s", run->file);
    err = seep_control_send(run->control_fd, &message);
    if (err < 0) {
        seep_spawn_cancel(&run->program);
        return fail("the collector is gone", err);
    }
    show(run);
    err = seep_spawn_go(&run->program);
    if (err < 0) {
        fprintf(stderr, "seep run: cannot run '%s': %s\n", run->options.program[0],
                strerrordesc_np(-err));
        return SEEP_EXIT_USAGE;
    }
    return 0;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / NS_PER_MS;
}

/* Passes on what somebody sent to this process; the terminal's signals reach the program
 * anyway. */
static void pass_on_signals(const struct run *run)
{
    struct signalfd_siginfo info;

    while (read(run->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_code <= 0) { /* SI_USER, SI_QUEUE, SI_TKILL: not the kernel */
            (void)kill(run->program.pid, (int)info.ssi_signo);
        }
    }
}

static void wait_for_program(struct run *run)
{
    int pidfd = (int)syscall(SYS_pidfd_open, run->program.pid, 0);
    uint64_t end_ms = run->options.duration_ns / NS_PER_MS;
    uint64_t deadline_ms = end_ms > 0 ? now_ms() + end_ms : UINT64_MAX;
    int next_signal = SIGTERM;

    while (waitpid(run->program.pid, &run->wait_status, WNOHANG) == 0) {
        struct pollfd fds[] = {{.fd = pidfd, .events = POLLIN},
                               {.fd = run->signal_fd, .events = POLLIN}};
        uint64_t now = now_ms();
        uint64_t left_ms = deadline_ms == UINT64_MAX ? INT_MAX
                           : deadline_ms > now       ? deadline_ms - now
                                                     : 0;

        if (pidfd < 0 && left_ms > 100) {
            left_ms = 100; /* a kernel without pidfds: look now and then */
        }
        (void)poll(fds, 2, left_ms < INT_MAX ? (int)left_ms : -1);
        pass_on_signals(run);
        if (now_ms() >= deadline_ms) {
            (void)kill(run->program.pid, next_signal);
            (void)kill(run->program.pid, SIGCONT); /* a stopped program could not end */
            deadline_ms = next_signal == SIGTERM ? now_ms() + KILL_AFTER_MS : UINT64_MAX;
            next_signal = SIGKILL;
        }
    }
    if (pidfd >= 0) {
        close(pidfd);
    }
}

/* Tells the collector that the program has ended and waits for its word. */
static int wait_for_collector(struct run *run, struct seep_control_message *done)
{
    struct seep_control_message message = {.type = SEEP_CONTROL_ENDED,
                                           .pid = (uint32_t)run->program.pid,
                                           .wait_status = run->wait_status};
    struct pollfd fd = {.fd = run->control_fd, .events = POLLIN};
    uint64_t deadline_ms = now_ms() + COLLECTOR_WAIT_MS;
    int err = seep_control_send(run->control_fd, &message);

    while (err == 0) {
        uint64_t now = now_ms();

        if (now >= deadline_ms) {
            return -ETIMEDOUT;
        }
        if (poll(&fd, 1, (int)(deadline_ms - now)) > 0) {
            err = seep_control_receive(run->control_fd, done);
            if (err == 0 && done->type == SEEP_CONTROL_DONE) {
                return 0;
            }
        }
    }
    return err;
}

/* What the collector left when it could not say so: its file, as far as it came. */
static int recover(struct run *run, int err)
{
    (void)snprintf(run->path, sizeof(run->path), "%s/%s%s", run->dir, run->file,
                   run->file_existed ? ".partial" : "");
    fprintf(stderr,
            err == -ETIMEDOUT
                ? "seep run: the collector does not answer; the report is of its file so "
                  "far\n"
                : "seep run: the collector was killed; the recording ends with its last "
                  "snapshot\n");
    if (access(run->path, R_OK) < 0) {
        fprintf(stderr, "seep run: no recording was begun\n");
        return SEEP_EXIT_FAILED;
    }
    return 0;
}

static int conclude(struct run *run)
{
    struct seep_control_message done = {0};
    int err = wait_for_collector(run, &done);
    const char *program = run->options.program[0];

    if (err < 0) {
        return recover(run, err);
    }
    (void)snprintf(run->path, sizeof(run->path), "%s/%s", run->dir, done.file);
    if (!done.main_recorded) {
        run->path[0] = '\0';
        fprintf(stderr, "seep run: no event of '%s' was recorded: %s\n", program,
                done.trouble[0] != '\0'
                    ? done.trouble
                    : "it did not load libseep.so (does it clear LD_PRELOAD, or "
                      "end before the C library starts?)");
        return SEEP_EXIT_FAILED;
    }
    if (!done.complete || done.trouble[0] != '\0') {
        fprintf(stderr, "seep run: %s\n",
                done.trouble[0] != '\0' ? done.trouble : "the recording is not complete");
    }
    run->collector_goes_on = done.running > 0;
    if (done.running > 0) {
        fprintf(stderr,
                "seep run: %u processes that '%s' started still run and are recorded\n",
                done.running, program);
    }
    return 0;
}

/* Judges the recording; with --quiet for --fail-on alone. */
static int report(const struct run *run)
{
    int kept = -1;
    int null_fd = -1;
    int status = SEEP_EXIT_OK;

    if (run->options.quiet && run->options.fail_on == NULL) {
        return SEEP_EXIT_OK;
    }
    if (run->options.quiet) {
        kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
        null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null_fd, STDERR_FILENO);
        close(null_fd);
    }
    status = seep_cli_report_to_stderr(run->path, run->options.fail_on,
                                       run->options.suppress, run->options.subsystems,
                                       run->options.collect.exit_grace_ms != 0);
    if (kept >= 0) {
        (void)dup2(kept, STDERR_FILENO);
        close(kept);
    }
    return status;
}

/* From here on Ctrl-C ends us, and not for having ended the program a moment ago. */
static void unblock_signals(const struct run *run)
{
    struct signalfd_siginfo info;

    while (read(run->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
    }
    (void)pthread_sigmask(SIG_SETMASK, &run->old_mask, NULL);
}

/* Reaps the collector, which ends a moment after its last process: where pid 1 reaps
 * nobody it would stay a zombie. One that has more to do goes on without us. */
static void reap_collector(const struct run *run)
{
    int pidfd = (int)syscall(SYS_pidfd_open, run->collector, 0);
    struct pollfd fd = {.fd = pidfd, .events = POLLIN};

    close(run->control_fd);
    if (pidfd >= 0) {
        (void)poll(&fd, 1, run->collector_goes_on ? 0 : COLLECTOR_END_MS);
        close(pidfd);
    }
    (void)waitpid(run->collector, NULL, WNOHANG);
}

static int program_status(const struct run *run)
{
    return WIFSIGNALED(run->wait_status) ? SIGNAL_BASE + WTERMSIG(run->wait_status)
                                         : WEXITSTATUS(run->wait_status);
}

static int run_all(struct run *run, const char *library)
{
    int status = block_signals(run);

    if (status == 0) {
        status = start_collector(run);
    }
    if (status != 0) {
        return status;
    }
    if (run->options.listen != NULL) {
        seep_run_listen_open(&run->listen, run->options.listen);
    }
    status = start_program(run, library);
    if (status != 0) {
        seep_run_listen_end(&run->listen, false);
        reap_collector(run);
        return status;
    }
    wait_for_program(run);
    status = conclude(run);
    unblock_signals(run);
    if (status == 0) {
        status = report(run);
    }
    seep_run_listen_end(&run->listen, run->options.listen_after_end);
    reap_collector(run);
    if (status == SEEP_EXIT_USAGE) {
        return SEEP_EXIT_FAILED; /* our own recording is unreadable */
    }
    return status != SEEP_EXIT_OK ? status : program_status(run);
}

int seep_cmd_run(int argc, char **argv)
{
    struct run run = {.argv = argv, .listen.fd = -1};
    struct seep_error error = {0};
    char library[PATH_MAX];
    int status = seep_run_options_parse(argc, argv, &run.options);

    if (status == 1) {
        fputs(seep_help_run, stdout);
        return SEEP_EXIT_OK;
    }
    if (status == 0) {
        status = check_program(run.options.program[0]);
    }
    if (status == 0) {
        status = resolve_output(&run);
    }
    if (status != 0) {
        return status;
    }
    if (seep_preload_library(library, sizeof(library), &error) < 0) {
        fprintf(stderr, "seep run: %s\n", error.message);
        return SEEP_EXIT_FAILED;
    }
    return run_all(&run, library);
}
