/* Runs a command and waits for all that it leaves behind, then says what they used.
 *
 * usage: bench-launch RESULT GROUP_FILE... -- COMMAND [ARG...]
 *   RESULT      the file that gets one line of JSON
 *   GROUP_FILE  the cgroup.procs of each cgroup to put the command into
 *
 * A tool's cost is that of all its processes: a collector that detached itself, an
 * interpreter at the end of a pipe. So this process is a subreaper (prctl(2)): whoever
 * loses its parent becomes its child, is waited for, and counted by getrusage(2). A
 * process that ignores SIGCHLD throws its children's times away; the cgroup, where there
 * is one, knows them.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "micro.h"

/* The cgroup takes a process whose number is written to it; 0 means the writer. */
static void join_group(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    bench_need(fd >= 0 && write(fd, "0\n", 2) == 2, path);
    (void)close(fd);
}

static void write_result(const char *path, int status, uint64_t command_ns,
                         uint64_t all_ns)
{
    struct rusage usage = {0};
    FILE *file = fopen(path, "w");

    bench_need(file != NULL && getrusage(RUSAGE_CHILDREN, &usage) == 0, path);
    fprintf(file,
            "{\"status\":%d,\"wall_s\":%.6f,\"all_wall_s\":%.6f,\"cpu_s\":%.6f,"
            "\"max_rss_kib\":%ld}\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            (double)command_ns / 1e9, (double)all_ns / 1e9,
            (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
            usage.ru_maxrss);
    bench_need(fclose(file) == 0, path);
}

int main(int argc, char **argv)
{
    int dashes = 2;
    int status = 0;
    uint64_t start = 0;
    uint64_t command_ns = 0;
    pid_t child = 0;
    pid_t ended = 0;

    while (dashes < argc && strcmp(argv[dashes], "--") != 0) {
        dashes++;
    }
    if (dashes + 1 >= argc) {
        fprintf(stderr, "usage: bench-launch RESULT GROUP_FILE... -- COMMAND [ARG...]\n");
        return 2;
    }
    bench_need(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "prctl");
    start = bench_clock_ns(CLOCK_MONOTONIC);
    child = fork();
    bench_need(child >= 0, "fork");
    if (child == 0) {
        for (int i = 2; i < dashes; i++) {
            join_group(argv[i]);
        }
        execvp(argv[dashes + 1], argv + dashes + 1);
        fprintf(stderr, "%s: %s\n", argv[dashes + 1], strerror(errno));
        _exit(127);
    }
    do {
        int last = 0;

        ended = wait(&last);
        if (ended == child) {
            status = last;
            command_ns = bench_clock_ns(CLOCK_MONOTONIC) - start;
        }
    } while (ended > 0 || errno == EINTR);
    write_result(argv[1], status, command_ns, bench_clock_ns(CLOCK_MONOTONIC) - start);
    return 0;
}
