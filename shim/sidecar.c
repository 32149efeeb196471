/* A collector for a program that was preloaded without one.
 *
 * Design: two raw forks, so that the collector is nobody's child here: no SIGCHLD,
 * nothing for the host's wait(). The intermediate one is created without an exit signal
 * and waited for with __WALL. posix_spawn was rejected: it leaves a child that the host
 * can see.
 *
 * I1: between fork and exec only raw system calls are made.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sidecar.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch.h"
#include "text.h"

enum {
    ENVIRONMENT_MAX = 4096,
    PATH_BYTES = 1024,
    LISTEN_FD = 3,
    EXEC_FAILED = 127,
    CLOSE_UP_TO = 65536,
    CANDIDATES = 4
};

static char *environment[ENVIRONMENT_MAX + 1];
static char candidates[CANDIDATES][PATH_BYTES];

static void copy_environment(void)
{
    size_t n = 0;

    for (char **at = environ; at != NULL && *at != NULL && n < ENVIRONMENT_MAX; at++) {
        if (strncmp(*at, "LD_PRELOAD=", 11) != 0) {
            environment[n++] = *at;
        }
    }
    environment[n] = NULL;
}

/* Where the program `seep` may be, seen from the library: PREFIX/lib or
 * PREFIX/lib/TRIPLET, beside it, or installed. */
static void find_candidates(void)
{
    static const char *const tails[] = {"/../bin/seep", "/../../bin/seep", "/seep"};
    Dl_info info = {0};
    const char *path = dladdr((const void *)(uintptr_t)&seep_sidecar_start, &info) != 0
                           ? info.dli_fname
                           : "";
    const char *slash = strrchr(path, '/');

    for (size_t i = 0; i < CANDIDATES; i++) {
        struct seep_text text = {candidates[i], 0, PATH_BYTES};

        if (i == CANDIDATES - 1) {
            seep_text_put(&text, "/usr/bin/seep");
        } else if (slash != NULL && (size_t)(slash - path) < PATH_BYTES / 2) {
            memcpy(candidates[i], path, (size_t)(slash - path));
            text.len = (size_t)(slash - path);
            seep_text_put(&text, tails[i]);
        } else {
            seep_text_put(&text, tails[i] + 1);
        }
    }
}

/* In the grandchild: never returns. */
static void become_collector(int listen_fd, char *const *arguments)
{
    long null_fd = seep_arch_syscall4(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);

    if (null_fd < 0) { /* chroot: the host's own standard streams must not stay open */
        null_fd = seep_arch_syscall3(SYS_memfd_create, "null", 0, 0);
    }
    /* Both move out of the way first: a host with closed standard streams gets low
     * numbers. Without room for that there is no collector: it must not have the host's
     * streams. */
    null_fd = seep_arch_syscall3(SYS_fcntl, null_fd, F_DUPFD, LISTEN_FD + 1);
    listen_fd = (int)seep_arch_syscall3(SYS_fcntl, listen_fd, F_DUPFD, LISTEN_FD + 1);
    if (null_fd < 0 || listen_fd < 0) {
        (void)seep_arch_syscall3(SYS_exit_group, EXEC_FAILED, 0, 0);
    }
    (void)seep_arch_syscall3(SYS_dup3, listen_fd, LISTEN_FD, 0);
    for (int fd = 0; fd < LISTEN_FD; fd++) {
        (void)seep_arch_syscall3(SYS_dup3, null_fd, fd, 0);
    }
    if (seep_arch_syscall3(SYS_close_range, LISTEN_FD + 1, ~0U, 0) < 0) { /* < 5.9 */
        for (int fd = LISTEN_FD + 1; fd < CLOSE_UP_TO; fd++) {
            (void)seep_arch_syscall3(SYS_close, fd, 0, 0);
        }
    }
    for (size_t i = 0; i < CANDIDATES; i++) {
        (void)seep_arch_syscall3(SYS_execve, candidates[i], arguments, environment);
    }
    (void)seep_arch_syscall3(SYS_exit_group, EXEC_FAILED, 0, 0);
}

int seep_sidecar_start(int listen_fd, uint32_t main_pid)
{
    char pid_text[16] = "";
    struct seep_text text = {pid_text, 0, sizeof(pid_text)};
    char *const arguments[] = {(char *)"seep",
                               (char *)"collect",
                               (char *)"--listen-fd",
                               (char *)"3",
                               (char *)"--main",
                               pid_text,
                               NULL};
    bool found = false;
    long child = 0;

    seep_text_put_number(&text, main_pid);
    copy_environment();
    find_candidates();
    for (size_t i = 0; i < CANDIDATES; i++) {
        found |= seep_arch_syscall3(SYS_faccessat, AT_FDCWD, candidates[i], X_OK) == 0;
    }
    if (!found) {
        return -ENOENT;
    }
    child = seep_arch_syscall6(SYS_clone, 0, 0, 0, 0, 0, 0);
    if (child == 0) {
        (void)seep_arch_syscall3(SYS_setsid, 0, 0, 0);
        if (seep_arch_syscall6(SYS_clone, 0, 0, 0, 0, 0, 0) == 0) {
            become_collector(listen_fd, arguments);
        }
        (void)seep_arch_syscall3(SYS_exit_group, 0, 0, 0);
    }
    if (child < 0) {
        return (int)child;
    }
    while (seep_arch_syscall4(SYS_wait4, child, 0, __WALL, 0) == -EINTR) {
    }
    return 0;
}
