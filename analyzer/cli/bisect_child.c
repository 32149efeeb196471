/* The programs that a bisect runs, and what becomes of them when the user has enough.
 *
 * Ctrl-C must not leave a work tree at some commit in the middle. So the driver lives on,
 * ends its child with everything below it, and puts things back. Below it are git, its
 * shell, a build or a recording: only a process group reaches them all; the terminal's
 * own signal would reach the driver's group alone, and `kill` the driver alone. A step,
 * which git starts, guards nothing: it is in the group and goes with it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/bisect_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOG_MODE = 0644, LOOK_MS = 20, PATIENCE_MS = 5000, NS_PER_MS = 1000000 };

static const int NUMBERS[] = {SIGINT, SIGTERM, SIGHUP};

enum guard {
    GUARD_NONE = 0, /* children share our group and our fate */
    GUARD_PASS = 1, /* signals go to the child's group, not to us */
    GUARD_HOLD = 2  /* signals reach neither */
};

static enum guard guard;
/* Written by the handler or around a child, both on this thread. */
static volatile sig_atomic_t came;  /* the first signal */
static volatile sig_atomic_t group; /* of the child that is waited for; 0: none */

static void on_signal(int number)
{
    int kept = errno;

    if (came == 0) {
        came = number;
    }
    if (group > 0) {
        (void)kill(-group, number);
    }
    errno = kept;
}

void seep_bisect_child_guard(void)
{
    /* No SA_RESTART: a signal has to end the wait for a child. */
    struct sigaction action = {.sa_handler = on_signal};

    guard = GUARD_PASS;
    /* Whom a child leaves behind is ours to reap: a zombie keeps its group in being. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        (void)sigaction(NUMBERS[i], &action, NULL);
    }
}

int seep_bisect_child_interrupted(void)
{
    return came;
}

void seep_bisect_child_unguard(void)
{
    guard = GUARD_HOLD;
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        (void)signal(NUMBERS[i], SIG_IGN);
    }
}

/* Waits until nothing is left of a group that was told to end: a compiler that still
 * writes would disturb what comes next. Who does not listen is killed. */
static void await_group(pid_t leader)
{
    static const struct timespec look = {.tv_nsec = LOOK_MS * NS_PER_MS};

    for (int waited = 0; waited < 2 * PATIENCE_MS; waited += LOOK_MS) {
        while (waitpid(-leader, NULL, WNOHANG) > 0) {
        }
        if (kill(-leader, 0) != 0) {
            return;
        }
        if (waited >= PATIENCE_MS) {
            (void)kill(-leader, SIGKILL);
        }
        (void)nanosleep(&look, NULL);
    }
}

static int start(const char *const *argv, const char *log, const sigset_t *mask,
                 pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t defaults;
    int status = 0;

    (void)sigemptyset(&defaults);
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        (void)sigaddset(&defaults, NUMBERS[i]);
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    if (log != NULL) {
        (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log,
                                               O_WRONLY | O_CREAT | O_APPEND, LOG_MODE);
    }
    (void)posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    if (guard != GUARD_NONE) {
        flags |= POSIX_SPAWN_SETPGROUP;
        (void)posix_spawnattr_setpgroup(&attributes, 0);
        /* A group in the background may not read from the terminal. */
        (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                               O_RDONLY, 0);
    }
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setsigmask(&attributes, mask);
    (void)posix_spawnattr_setflags(&attributes, flags);
    status =
        posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return status;
}

int seep_bisect_child_run(const char *const *argv, const char *log)
{
    sigset_t numbers;
    sigset_t before;
    pid_t pid = 0;
    int status = 0;

    if (guard == GUARD_PASS && came != 0) {
        return SEEP_CHILD_SIGNALLED;
    }
    /* None may come between the start of the group and the handler's knowing it. */
    (void)sigemptyset(&numbers);
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        (void)sigaddset(&numbers, NUMBERS[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &numbers, &before);
    status = start(argv, log, &before, &pid);
    if (guard == GUARD_PASS && status == 0) {
        group = pid;
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (status != 0) {
        return SEEP_CHILD_CANNOT_START;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR &&
           !(guard == GUARD_PASS && came != 0)) {
    }
    group = 0;
    if (guard == GUARD_PASS && came != 0) {
        await_group(pid);
        return SEEP_CHILD_SIGNALLED;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : SEEP_CHILD_SIGNALLED;
}
