/* Whether a process may still come after the last one has ended.
 *
 * Problem: a child that was forked just before the program ended registers a moment
 * later, and a collector that waits for it by the clock makes everybody wait at the end
 * of every run. Design: whoever can come carries the name of our socket in the
 * environment that it was started with, and /proc shows that of every living process; so
 * the collector ends as soon as nobody carries it. Where the environment does not say
 * (in the middle of an exec it is empty; some programs write their title over it; it may
 * be closed to us), a process counts when it is younger than the program. A subreaper
 * would know without looking, but orphans of the program would see another parent than
 * without us; a descriptor that all descendants inherit would be one more in each.
 *
 * I1: a process whose memory is gone (zombie, exiting) or never was (kernel thread)
 * cannot come.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/newcomer.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/proc_file.h"
#include "seep/handover.h"

enum {
    NAME_MAX_BYTES = 128,
    PIECE_BYTES = 16384,
    STAT_BYTES = 1024,
    STATUS_BYTES = 4096,
    STAT_STARTED = 22
};

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNCLEAR };

static enum answer of_error(int err)
{
    return err == ENOENT || err == ESRCH ? ANSWER_NO : ANSWER_UNCLEAR;
}

/* Searches an environment, piece by piece: it may be as large as a stack. */
static enum answer search(int fd, const char *name)
{
    char piece[PIECE_BYTES];
    size_t name_bytes = strlen(name);
    size_t kept = 0;
    bool first = true;

    for (;;) {
        ssize_t n = read(fd, piece + kept, sizeof(piece) - kept);

        if (n < 0) {
            return of_error(errno);
        }
        if (n == 0) {
            return first ? ANSWER_UNCLEAR : ANSWER_NO;
        }
        size_t bytes = kept + (size_t)n;

        if (memmem(piece, bytes, name, name_bytes) != NULL) {
            return ANSWER_YES;
        }
        if (first && memchr(piece, '=', strnlen(piece, bytes)) == NULL) {
            return ANSWER_UNCLEAR; /* this is a title, no NAME=VALUE */
        }
        first = false;
        kept = bytes < name_bytes ? bytes : name_bytes - 1;
        memmove(piece, piece + bytes - kept, kept);
    }
}

static enum answer ask_environment(const char *pid, const char *name)
{
    char path[NAME_MAX_BYTES];
    int fd = -1;

    (void)snprintf(path, sizeof(path), "/proc/%.16s/environ", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return of_error(errno);
    }
    enum answer answer = search(fd, name);

    close(fd);
    return answer;
}

/* Whether it runs a program at all, as our user where that matters. */
static bool can_register(const char *pid)
{
    char path[NAME_MAX_BYTES];
    char status[STATUS_BYTES];
    uint64_t uid = 0;

    (void)snprintf(path, sizeof(path), "/proc/%.16s/exe", pid);
    if (readlink(path, status, sizeof(status)) < 0 && errno != EACCES && errno != EPERM) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "/proc/%.16s/status", pid);
    if (geteuid() == 0 || seep_proc_read(AT_FDCWD, path, status, sizeof(status)) <= 0 ||
        !seep_proc_number(status, "\nUid:", &uid)) {
        return true;
    }
    return uid == geteuid() || uid == getuid();
}

static bool is_younger(const char *pid, uint64_t since_ticks)
{
    char path[NAME_MAX_BYTES];
    char stat[STAT_BYTES];
    uint64_t started = 0;

    (void)snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
    return seep_proc_read(AT_FDCWD, path, stat, sizeof(stat)) > 0 &&
           (!seep_proc_stat_field(stat, STAT_STARTED, &started) ||
            started >= since_ticks);
}

static bool may_come(const struct seep_newcomers *newcomers, const char *pid)
{
    enum answer answer = ask_environment(pid, newcomers->socket_name);

    return answer == ANSWER_YES || (answer == ANSWER_UNCLEAR && can_register(pid) &&
                                    is_younger(pid, newcomers->since_ticks));
}

static bool is_still_one(const struct seep_newcomers *newcomers)
{
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%u", newcomers->suspect);
    return may_come(newcomers, pid);
}

bool seep_newcomers_expected(struct seep_newcomers *newcomers)
{
    pid_t own[] = {getpid(), getppid()};
    const struct dirent *entry = NULL;
    DIR *proc = NULL;

    if (newcomers->suspect != 0 && is_still_one(newcomers)) {
        return true;
    }
    newcomers->suspect = 0;
    proc = opendir("/proc");
    if (proc == NULL) {
        return true;
    }
    while (newcomers->suspect == 0 && (entry = readdir(proc)) != NULL) {
        uint32_t pid = isdigit((unsigned char)entry->d_name[0])
                           ? (uint32_t)strtoul(entry->d_name, NULL, 10)
                           : 0;

        if (pid != 0 && pid != (uint32_t)own[0] && pid != (uint32_t)own[1] &&
            may_come(newcomers, entry->d_name)) {
            newcomers->suspect = pid;
        }
    }
    closedir(proc);
    return newcomers->suspect != 0;
}
