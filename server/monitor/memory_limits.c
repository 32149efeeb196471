/* The cgroup's limit.
 *
 * Only the least limit on the way to the root counts, so every level is asked. Inside a
 * container /proc/self/cgroup may name a path that does not exist there (the host's); the
 * walk up then ends at the mount point, which is the container's own cgroup.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/monitor/memory_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES 4096
#define PATH_BYTES 1200
/* Version 1 writes "no limit" as the largest multiple of the page size. */
#define V1_NONE (UINT64_C(1) << 60)

/* Reads a file into text, with a final NUL. Returns: whether there was something. */
static bool read_text(const char *path, char *text, size_t text_bytes)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    text[0] = '\0';
    if (fd < 0) {
        return false;
    }
    const ssize_t got = read(fd, text, text_bytes - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* Lowers *least to the number in a file; "max" and what is no number are none. */
static void lower(const char *path, uint64_t *least)
{
    char text[64];
    char *end = NULL;
    if (!read_text(path, text, sizeof text)) {
        return;
    }
    errno = 0;
    const uint64_t bytes = strtoull(text, &end, 10);
    if (errno == 0 && end != text && bytes < V1_NONE && bytes < *least) {
        *least = bytes;
    }
}

/* Looks into `group` and everything above it, up to the mount point. */
static uint64_t least_upwards(const char *mount, const char *group,
                              const char *const *names, size_t names_count)
{
    char directory[PATH_BYTES / 2];
    char path[PATH_BYTES];
    uint64_t least = UINT64_MAX;
    snprintf(directory, sizeof directory, "%s", group);
    for (;;) {
        for (size_t i = 0; i < names_count; i++) {
            snprintf(path, sizeof path, "%s%s/%s", mount, directory, names[i]);
            lower(path, &least);
        }
        char *slash = strrchr(directory, '/');
        if (slash == NULL) {
            return least;
        }
        *slash = '\0';
    }
}

/* The path of the line that `is_wanted` ("0::" or a list with memory in it). Returns:
 * NULL when there is none; else within text, which is cut behind it. */
static char *find_group(char *text, bool want_v2)
{
    for (char *line = strtok_r(text, "\n", &text); line != NULL;
         line = strtok_r(NULL, "\n", &text)) {
        char *controllers = strchr(line, ':');
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL) {
            continue;
        }
        *group++ = '\0';
        controllers++;
        const bool is_v2 = controllers[0] == '\0';
        char list[256];
        snprintf(list, sizeof list, ",%s,", controllers);
        if (want_v2 ? is_v2 : strstr(list, ",memory,") != NULL) {
            return group;
        }
    }
    return NULL;
}

void pma_cgroup_read(const char *root, struct pma_memory_limits *limits)
{
    static const char *const v1[] = {"memory.limit_in_bytes"};
    static const char *const v2[] = {"memory.max", "memory.high"};
    char path[512];
    char mount[512];
    char text[TEXT_BYTES];
    limits->cgroup_bytes = UINT64_MAX;
    limits->cgroup_version = 0;
    snprintf(path, sizeof path, "%.400s/proc/self/cgroup", root);
    /* A machine with both has memory in version 1. */
    for (uint32_t version = 1; version <= 2; version++) {
        if (!read_text(path, text, sizeof text)) {
            return;
        }
        const char *group = find_group(text, version == 2);
        if (group == NULL) {
            continue;
        }
        snprintf(mount, sizeof mount, "%.400s/sys/fs/cgroup%s", root,
                 version == 1 ? "/memory" : "");
        limits->cgroup_version = version;
        limits->cgroup_bytes =
            version == 1 ? least_upwards(mount, group, v1, sizeof v1 / sizeof v1[0])
                         : least_upwards(mount, group, v2, sizeof v2 / sizeof v2[0]);
        return;
    }
}

void pma_memory_limits_apply(uint64_t configured_usage_bytes,
                             uint64_t configured_heap_bytes, double percent,
                             struct pma_memory_limits *limits)
{
    limits->max_memory_usage_bytes = configured_usage_bytes;
    limits->max_heap_alloc_bytes = configured_heap_bytes;
    if (limits->cgroup_bytes == UINT64_MAX) {
        return;
    }
    const double allowed = (double)limits->cgroup_bytes * percent / 100;
    if (allowed >= (double)configured_usage_bytes) {
        return;
    }
    const double share = allowed / (double)configured_usage_bytes;
    const uint64_t heap_bytes = (uint64_t)((double)configured_heap_bytes * share);
    limits->max_memory_usage_bytes = allowed >= 1 ? (uint64_t)allowed : 1;
    limits->max_heap_alloc_bytes = heap_bytes > 0 ? heap_bytes : 1;
}
