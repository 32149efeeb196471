/* Children: posix_spawn, a process group each, ended for certain.
 *
 * Tool servers are often started through a chain (npx, then a shell, then node), so each
 * gets a process group and signals go to all of it. What is left of the group is killed
 * while the leader is still a zombie: its number cannot belong to anybody else then.
 * Chosen: posix_spawn, which in glibc is a vfork that keeps nobody's locks, with
 * closefrom(3), so that no socket of a client outlives us in a child. Rejected: fork and
 * exec; forking a process with many threads and a large heap costs milliseconds under
 * load, and whatever runs between the two must be async-signal-safe. The end is seen by a
 * pidfd in the same poll as the pipes; rejected: SIGCHLD, which is one per process and
 * loses counts.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/mcp/mcp_child.h"

#include "seep/seep.h"
#include "server/fault/fault.h"
#include "server/log/log.h"
#include "server/worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The ends of the three pipes: [0] is read, [1] is written. */
struct pipes {
    int in[2], out[2], err[2];
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void close_pipes(struct pipes *pipes)
{
    for (size_t end = 0; end < 2; end++) {
        close_fd(&pipes->in[end]);
        close_fd(&pipes->out[end]);
        close_fd(&pipes->err[end]);
    }
}

/* A pipe whose ends are none of 0, 1, 2, which the child's are copied onto. */
static int open_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0) {
        ends[0] = -1;
        ends[1] = -1;
        return -errno;
    }
    for (size_t end = 0; end < 2; end++) {
        if (ends[end] <= STDERR_FILENO) {
            const int above = fcntl(ends[end], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
            if (above < 0) {
                return -errno;
            }
            close(ends[end]);
            ends[end] = above;
        }
    }
    return 0;
}

static int open_pipes(struct pipes *pipes)
{
    int err = open_pipe(pipes->in);
    err = err == 0 ? open_pipe(pipes->out) : err;
    err = err == 0 ? open_pipe(pipes->err) : err;
    if (err == 0 && (fcntl(pipes->in[1], F_SETFL, O_NONBLOCK) != 0 ||
                     fcntl(pipes->out[0], F_SETFL, O_NONBLOCK) != 0 ||
                     fcntl(pipes->err[0], F_SETFL, O_NONBLOCK) != 0)) {
        err = -errno;
    }
    return err;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE); /* ignored by us, which exec would hand down */
    sigaddset(&defaults, SIGCHLD); /* by whoever started us, perhaps */
    int err = posix_spawnattr_setsigmask(attributes, &none);
    err = err == 0 ? posix_spawnattr_setsigdefault(attributes, &defaults) : err;
    err = err == 0 ? posix_spawnattr_setpgroup(attributes, 0) : err;
    err = err == 0 ? posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                              POSIX_SPAWN_SETSIGDEF |
                                                              POSIX_SPAWN_SETPGROUP)
                   : err;
    return -err;
}

static int set_actions(posix_spawn_file_actions_t *actions, const struct pipes *pipes)
{
    int err = posix_spawn_file_actions_adddup2(actions, pipes->in[0], STDIN_FILENO);
    err = err == 0
              ? posix_spawn_file_actions_adddup2(actions, pipes->out[1], STDOUT_FILENO)
              : err;
    err = err == 0
              ? posix_spawn_file_actions_adddup2(actions, pipes->err[1], STDERR_FILENO)
              : err;
    err = err == 0 ? posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1)
                   : err;
    return -err;
}

static int spawn(char *const argv[], char *const envp[], const struct pipes *pipes,
                 pid_t *pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    int err = -posix_spawnattr_init(&attributes);
    if (err != 0) {
        return err;
    }
    err = -posix_spawn_file_actions_init(&actions);
    if (err != 0) {
        goto fail_actions;
    }
    err = set_attributes(&attributes);
    err = err == 0 ? set_actions(&actions, pipes) : err;
    err = err == 0 ? -posix_spawnp(pid, argv[0], &actions, &attributes, argv, envp) : err;
    posix_spawn_file_actions_destroy(&actions);
fail_actions:
    posix_spawnattr_destroy(&attributes);
    return err;
}

int pma_mcp_child_spawn(char *const argv[], char *const envp[],
                        struct pma_mcp_child *child)
{
    struct pipes pipes = {{-1, -1}, {-1, -1}, {-1, -1}};
    pid_t pid = 0;
    int err = open_pipes(&pipes);
    err = err == 0 ? spawn(argv, envp, &pipes, &pid) : err;
    if (err != 0) {
        close_pipes(&pipes);
        return err;
    }
    close(pipes.in[0]);
    close(pipes.out[1]);
    close(pipes.err[1]);
    /* Close-on-exec by definition; fails on kernels before 5.3, and then a look at
     * intervals has to do. */
    const int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    *child = (struct pma_mcp_child){.pid = pid,
                                    .pid_fd = pid_fd >= 0 ? pid_fd : -1,
                                    .in_fd = pipes.in[1],
                                    .out_fd = pipes.out[0],
                                    .err_fd = pipes.err[0]};
    return 0;
}

void pma_mcp_child_signal(const struct pma_mcp_child *child, int signal_number)
{
    if (child->pid > 0) {
        kill(-child->pid, signal_number);
    }
}

void pma_mcp_child_close_input(struct pma_mcp_child *child)
{
    close_fd(&child->in_fd);
}

bool pma_mcp_child_reap(struct pma_mcp_child *child, int *status)
{
    siginfo_t info = {.si_pid = 0};
    if (child->pid == 0) {
        return true;
    }
    const int err = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    if (err == 0 && info.si_pid == 0) {
        return false;
    }
    *status = 0;
    if (err == 0) {
        kill(-child->pid, SIGKILL); /* while the zombie keeps the number */
        (void)waitpid(child->pid, status, 0);
    } /* else somebody ignores SIGCHLD: it was reaped by the kernel, the number is free */
    child->pid = 0;
    close_fd(&child->pid_fd);
    close_fd(&child->in_fd);
    close_fd(&child->out_fd);
    close_fd(&child->err_fd);
    return true;
}

/* Copies a forgotten child's output to nowhere, and then waits to be collected by the
 * Wait() that is never called. arg: the descriptor, which stays open. */
static void copy_for_ever(void *arg, struct pma_cancel *cancel)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* leaf lock */
    static pthread_cond_t waited_for = PTHREAD_COND_INITIALIZER;
    const int fd = (int)(intptr_t)arg;
    char bytes[512];
    (void)cancel;
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while (poll(&readable, 1, -1) >= 0 && read(fd, bytes, sizeof bytes) > 0) {
    }
    pthread_mutex_lock(&lock);
    for (;;) {
        pthread_cond_wait(&waited_for, &lock);
    }
}

static void start_copier(int fd)
{
    const struct pma_worker_spec spec = {.name = "mcp-copy",
                                         .subsystem = "ai",
                                         .run = copy_for_ever,
                                         .arg = (void *)(intptr_t)fd};
    struct pma_worker *forgotten = NULL;
    const int err = fd >= 0 ? pma_worker_start(&spec, &forgotten) : 0;
    if (err != 0) {
        pma_log(PMA_LOG_ERROR, "Fault F24 could not start its thread",
                pma_str("error", strerrordesc_np(-err)));
    }
}

void pma_mcp_child_forget(struct pma_mcp_child *child)
{
    pma_mcp_child_signal(child, SIGKILL);
    start_copier(child->out_fd);
    start_copier(child->err_fd);
    close_fd(&child->in_fd);
    close_fd(&child->pid_fd);
    child->pid = 0;
    child->out_fd = -1;
    child->err_fd = -1;
}

void pma_mcp_child_leak(void *arg)
{
    SEEP_SUBSYSTEM("ai"); /* as on the way of a request; the fault's driver is a worker */
    char name[] = "cat";
    char *argv[] = {name, NULL};
    char *envp[] = {NULL};
    struct pma_mcp_child child = PMA_MCP_CHILD_NONE;
    (void)arg;
    if (!pma_fault_take(PMA_FAULT_F24)) {
        return;
    }
    const int err = pma_mcp_child_spawn(argv, envp, &child);
    if (err != 0) {
        pma_log(PMA_LOG_ERROR, "Fault F24 could not start its process",
                pma_str("error", strerrordesc_np(-err)));
        return;
    }
    pma_mcp_child_forget(&child);
}

void pma_mcp_child_describe(int status, char *text, size_t text_bytes)
{
    if (WIFSIGNALED(status)) {
        const char *name = sigdescr_np(WTERMSIG(status));
        snprintf(text, text_bytes, "signal %d (%s)", WTERMSIG(status),
                 name != NULL ? name : "unknown");
    } else {
        snprintf(text, text_bytes, "exit status %d", WEXITSTATUS(status));
    }
}
