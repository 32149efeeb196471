/* Which recording `seep top` shows.
 *
 * A running one is found by what collectors hold open (collect/recording_find.h). It is
 * opened by its own name where that leads to the same file: through /proc/PID/fd the look
 * would end with the collector, and what the file is called then would not be seen.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/top_source.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect/recording_find.h"

enum { LISTED_BYTES = 256 };

static int open_found(const char *link, struct seep_follow **follow,
                      struct seep_error *error)
{
    char name[PATH_MAX];
    struct stat by_link;
    struct stat by_name;
    ssize_t n = readlink(link, name, sizeof(name) - 1);
    bool same = false;

    if (n > 0) {
        name[n] = '\0';
        same = stat(link, &by_link) == 0 && stat(name, &by_name) == 0 &&
               by_link.st_ino == by_name.st_ino && by_link.st_dev == by_name.st_dev;
    }
    return seep_follow_open(same ? name : link, follow, error);
}

/* The running recordings, of one process or (0) of any: the first is kept open, the
 * others' processes are listed. Returns: how many. */
static size_t find(uint32_t pid, struct seep_follow **first, char *listed)
{
    char(*links)[SEEP_RECORDING_PATH_BYTES] =
        calloc(SEEP_RECORDINGS_FOUND_MAX, sizeof(*links));
    size_t count = links != NULL ? seep_recording_find(links) : 0;
    size_t found = 0;
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        struct seep_follow *follow = NULL;
        const struct seep_recording *recording = NULL;
        struct seep_error ignored;

        if (open_found(links[i], &follow, &ignored) < 0) {
            continue;
        }
        recording = seep_follow_recording(follow);
        if (recording->ended || (pid != 0 && recording->program.pid != pid)) {
            seep_follow_close(follow);
            continue;
        }
        if (used < LISTED_BYTES) {
            used += (size_t)snprintf(listed + used, LISTED_BYTES - used, "%s%u",
                                     found > 0 ? ", " : "", recording->program.pid);
        }
        if (found++ == 0) {
            *first = follow;
        } else {
            seep_follow_close(follow);
        }
    }
    free(links);
    return found;
}

static int open_running(uint32_t pid, struct seep_follow **follow,
                        struct seep_error *error)
{
    struct seep_follow *first = NULL;
    char listed[LISTED_BYTES] = "";
    size_t found = find(pid, &first, listed);

    if (found == 0 && pid != 0) {
        return seep_error_set(error, -ESRCH,
                              "%u: Seep records no such process (that can be seen from "
                              "here); start it with: seep run PROGRAM",
                              pid);
    }
    if (found == 0) {
        return seep_error_set(error, -ESRCH,
                              "nothing is being recorded; which PID or FILE?");
    }
    if (found > 1 && pid == 0) {
        seep_follow_close(first);
        return seep_error_set(
            error, -E2BIG, "several programs are being recorded; which PID? %s", listed);
    }
    *follow = first;
    return 0;
}

int seep_top_source_open(const char *operand, struct seep_follow **follow,
                         struct seep_error *error)
{
    if (operand == NULL) {
        return open_running(0, follow, error);
    }
    if (operand[0] == '\0' || strspn(operand, "0123456789") != strlen(operand)) {
        return seep_follow_open(operand, follow, error);
    }
    errno = 0;
    unsigned long pid = strtoul(operand, NULL, 10);

    if (errno != 0 || pid < 1 || pid > INT_MAX) {
        return seep_error_set(error, -EINVAL, "%s is no process id", operand);
    }
    return open_running((uint32_t)pid, follow, error);
}
