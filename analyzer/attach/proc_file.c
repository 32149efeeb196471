/* Small text files of the kernel, and the numbers in them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/proc_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { STAT_FIRST_FIELD = 3 };

int seep_proc_read(int dir_fd, const char *path, char *out, size_t out_bytes)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    size_t len = 0;
    int err = 0;

    if (fd < 0) {
        return -errno;
    }
    while (len + 1 < out_bytes) {
        ssize_t n = read(fd, out + len, out_bytes - 1 - len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        err = n < 0 ? -errno : 0;
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    close(fd);
    out[len] = '\0';
    return err < 0 ? err : (int)len;
}

bool seep_proc_number(const char *text, const char *key, uint64_t *value)
{
    const char *at = strstr(text, key);
    char *end = NULL;

    if (at == NULL) {
        return false;
    }
    at += strlen(key);
    while (*at == ' ' || *at == '\t') {
        at++;
    }
    if (!isdigit((unsigned char)*at)) {
        return false;
    }
    *value = strtoull(at, &end, 10);
    return true;
}

bool seep_proc_stat_field(const char *stat, unsigned field, uint64_t *value)
{
    const char *at = strrchr(stat, ')');

    for (unsigned i = STAT_FIRST_FIELD; at != NULL && i <= field; i++) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    if (at == NULL || (!isdigit((unsigned char)*at) && *at != '-')) {
        return false;
    }
    *value = strtoull(at, NULL, 10);
    return true;
}

uint64_t seep_proc_clock_ns(int clock)
{
    struct timespec now = {0};

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
