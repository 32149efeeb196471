/* Pointers that are nowhere in a program's memory, because the kernel has them.
 *
 * An event loop often knows its connections by epoll's data alone. /proc shows these; of
 * the entries of an io_uring it shows none that were taken, so that such a program is not
 * searched. Rejected: having the shim note each epoll_ctl; it is called for every request
 * in some programs, and what was registered before is unknown.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/kernel_words.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { PATH_BYTES = 64, LINK_BYTES = 64 };

void seep_kernel_words_fini(struct seep_kernel_words *words)
{
    free(words->words);
    *words = (struct seep_kernel_words){0};
}

static int add(struct seep_kernel_words *words, uint64_t word)
{
    if (words->count == words->capacity) {
        size_t wanted = words->capacity > 0 ? words->capacity * 2 : 64;
        uint64_t *grown = reallocarray(words->words, wanted, sizeof(*grown));

        if (grown == NULL) {
            return -ENOMEM;
        }
        words->words = grown;
        words->capacity = wanted;
    }
    words->words[words->count++] = word;
    return 0;
}

/* Adds the hexadecimal number behind `key` on each line that starts with `start`. A file
 * that is gone has nothing to tell. */
static int add_from(const char *path, const char *start, const char *key,
                    struct seep_kernel_words *words)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t bytes = 0;
    int err = 0;

    while (file != NULL && err == 0 && getline(&line, &bytes, file) > 0) {
        const char *at =
            strncmp(line, start, strlen(start)) == 0 ? strstr(line, key) : NULL;

        if (at != NULL) {
            err = add(words, strtoull(at + strlen(key), NULL, 16));
        }
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
    return err;
}

static int take_descriptor(uint32_t pid, int dir_fd, const char *name,
                           struct seep_kernel_words *words)
{
    char target[LINK_BYTES];
    char path[PATH_BYTES];
    ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);

    if (n <= 0) {
        return 0;
    }
    target[n] = '\0';
    if (strcmp(target, "anon_inode:[io_uring]") == 0) {
        return -ENOTSUP;
    }
    if (strcmp(target, "anon_inode:[eventpoll]") != 0) {
        return 0;
    }
    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/fdinfo/%.16s", pid, name);
    return add_from(path, "tfd:", "data:", words);
}

int seep_kernel_words_read(uint32_t pid, struct seep_kernel_words *out)
{
    char path[PATH_BYTES];
    DIR *dir = NULL;
    int err = 0;

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/timers", pid);
    err = add_from(path, "signal:", "/", out);
    if (err < 0) {
        return err;
    }
    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/fd", pid);
    dir = opendir(path);
    if (dir == NULL) {
        return -errno;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL && err == 0;
         entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            err = take_descriptor(pid, dirfd(dir), entry->d_name, out);
        }
    }
    (void)closedir(dir);
    return err;
}
