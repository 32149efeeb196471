/* The two processes that `seep run` starts.
 *
 * The program's process is forked before the collector knows its pid and execs after: so
 * the collector is told in time which of the processes that register is the main one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_CANNOT_EXEC = 127, STDIO_FDS = 3 };

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Closes every descriptor from 3 on but those kept. */
static void close_others(int *kept, size_t n)
{
    unsigned from = STDIO_FDS;

    qsort(kept, n, sizeof(*kept), compare_ints);
    for (size_t i = 0; i < n; i++) {
        if (kept[i] < (int)from) {
            continue;
        }
        if (kept[i] > (int)from) {
            (void)syscall(SYS_close_range, from, kept[i] - 1, 0);
        }
        from = (unsigned)kept[i] + 1;
    }
    (void)syscall(SYS_close_range, from, UINT_MAX, 0);
}

/* The arguments as ps shows them lie in one block; the first becomes our name. */
static void rename_arguments(char **argv)
{
    static const char name[] = "collect";
    char *end = argv[0];

    for (char **argument = argv; *argument == end; argument++) {
        end += strlen(end) + 1;
        if (argument[1] == NULL) {
            break;
        }
    }
    size_t bytes = (size_t)(end - argv[0]);

    memset(argv[0], 0, bytes);
    memcpy(argv[0], name, bytes < sizeof(name) ? bytes - 1 : sizeof(name) - 1);
}

static void become_collector(const struct seep_collect *collect, char **argv)
{
    int kept[] = {collect->listen_fd, collect->control_fd, collect->dir_fd};
    int null_fd = open("/dev/null", O_RDWR);

    (void)setsid();
    for (int fd = 0; fd < STDIO_FDS; fd++) {
        (void)dup2(null_fd, fd);
    }
    close_others(kept, sizeof(kept) / sizeof(kept[0]));
    for (int signal_number = 1; signal_number < NSIG; signal_number++) {
        (void)signal(signal_number, SIG_DFL);
    }
    (void)prctl(PR_SET_NAME, "seep-collect");
    (void)chdir("/");
    rename_arguments(argv);
}

pid_t seep_spawn_collector(const struct seep_collect *collect, char **argv)
{
    pid_t pid = fork();

    if (pid != 0) {
        return pid > 0 ? pid : -errno;
    }
    become_collector(collect, argv);
    _exit(seep_collect_run(collect, NULL) < 0 ? 1 : 0);
}

static _Noreturn void become_program(char *const *argv, char *const *env, int go_fd,
                                     int result_fd)
{
    char go = 0;
    int err = 0;

    if (read(go_fd, &go, 1) == 1) {
        execvpe(argv[0], argv, env);
        err = errno;
        (void)!write(result_fd, &err, sizeof(err));
    }
    _exit(EXIT_CANNOT_EXEC);
}

int seep_spawn_program(char *const *argv, char *const *env, const sigset_t *mask,
                       struct seep_spawned *spawned)
{
    int go[2];
    int result[2];
    pid_t pid = -1;
    int err = 0;

    if (pipe2(go, O_CLOEXEC) < 0) {
        return -errno;
    }
    if (pipe2(result, O_CLOEXEC) < 0) {
        err = -errno;
        goto fail_result;
    }
    pid = fork();
    if (pid < 0) {
        err = -errno;
        goto fail_fork;
    }
    if (pid == 0) {
        close(go[1]);
        (void)pthread_sigmask(SIG_SETMASK, mask, NULL);
        become_program(argv, env, go[0], result[1]);
    }
    close(go[0]);
    close(result[1]);
    *spawned = (struct seep_spawned){pid, go[1], result[0]};
    return 0;

fail_fork:
    close(result[0]);
    close(result[1]);
fail_result:
    close(go[0]);
    close(go[1]);
    return err;
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

int seep_spawn_go(struct seep_spawned *spawned)
{
    int err = 0;
    ssize_t n = -1;

    (void)!write(spawned->go_fd, "g", 1);
    close(spawned->go_fd);
    do {
        n = read(spawned->result_fd, &err, sizeof(err));
    } while (n < 0 && errno == EINTR);
    close(spawned->result_fd);
    if (n != (ssize_t)sizeof(err)) {
        return 0; /* closed by a successful exec */
    }
    reap(spawned->pid);
    return -err;
}

void seep_spawn_cancel(struct seep_spawned *spawned)
{
    close(spawned->go_fd);
    close(spawned->result_fd);
    reap(spawned->pid);
}
