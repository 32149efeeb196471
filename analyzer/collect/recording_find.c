/* Who is writing which recording.
 *
 * A recording's name says nothing of the process (`-o soak.seep`), and where it lies is
 * known to its collector alone; but a collector holds it open. A register of running
 * recordings in the file system was rejected: it would be wrong after every kill.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/recording_find.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach/proc_file.h"
#include "seep/recording.h"

enum { NAME_BYTES = 32 };

static bool is_number(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

static bool is_collector(const char *pid)
{
    char path[SEEP_RECORDING_PATH_BYTES];
    char name[NAME_BYTES];

    (void)snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
    return seep_proc_read(AT_FDCWD, path, name, sizeof(name)) > 0 &&
           strncmp(name, "seep", strlen("seep")) == 0;
}

static bool is_recording(const char *path)
{
    char magic[SEEP_RECORDING_MAGIC_BYTES];
    struct stat status;
    bool is = false;
    int fd = -1;

    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode)) {
        return false;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    is = fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
         memcmp(magic, SEEP_RECORDING_MAGIC, sizeof(magic)) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is;
}

static size_t find_of(const char *pid, char (*paths)[SEEP_RECORDING_PATH_BYTES],
                      size_t found)
{
    char path[SEEP_RECORDING_PATH_BYTES];

    (void)snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
    DIR *dir = opendir(path);

    if (dir == NULL) {
        return found;
    }
    for (struct dirent *entry = readdir(dir);
         entry != NULL && found < SEEP_RECORDINGS_FOUND_MAX; entry = readdir(dir)) {
        (void)snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid, entry->d_name);
        if (is_number(entry->d_name) && is_recording(path)) {
            memcpy(paths[found++], path, sizeof(path));
        }
    }
    (void)closedir(dir);
    return found;
}

size_t seep_recording_find(char (*paths)[SEEP_RECORDING_PATH_BYTES])
{
    DIR *dir = opendir("/proc");
    size_t found = 0;

    if (dir == NULL) {
        return 0;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (is_number(entry->d_name) && is_collector(entry->d_name)) {
            found = find_of(entry->d_name, paths, found);
        }
    }
    (void)closedir(dir);
    return found;
}
