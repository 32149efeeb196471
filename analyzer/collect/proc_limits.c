/* Resource limits of a process: what a forecast runs against.
 *
 * Source: proc(5) limits and cgroup; Documentation/admin-guide/cgroup-v2.rst memory.max
 * and cgroup-v1/memory.rst memory.limit_in_bytes ("unlimited" there is a number near
 * 2^63).
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/proc_limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/proc_file.h"

enum { TEXT_BYTES = 8192, PATH_BYTES = 4096, NUMBER_BYTES = 64 };

#define V1_UNLIMITED_FROM (UINT64_C(1) << 60)

uint64_t seep_proc_limits_parse(const char *text, const char *name)
{
    uint64_t value = 0;

    return seep_proc_number(text, name, &value) ? value : 0;
}

static uint64_t read_limit(const char *dir, const char *file)
{
    char path[PATH_BYTES + NUMBER_BYTES];
    char text[NUMBER_BYTES];
    uint64_t value = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, file);
    if (seep_proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0 ||
        !seep_proc_number(text, "", &value) || value >= V1_UNLIMITED_FROM) {
        return 0;
    }
    return value;
}

/* The lowest limit from root/path up to root itself. A path that does not exist here (the
 * process lives in another cgroup namespace) is climbed until one does. */
static uint64_t lowest_up_to(const char *root, const char *path, const char *file)
{
    char dir[PATH_BYTES];
    size_t root_len = strlen(root);
    uint64_t lowest = 0;
    int n = snprintf(dir, sizeof(dir), "%s%s", root, path);

    if (n < 0 || (size_t)n >= sizeof(dir)) {
        return 0;
    }
    for (;;) {
        uint64_t limit = read_limit(dir, file);

        if (limit != 0 && (lowest == 0 || limit < lowest)) {
            lowest = limit;
        }
        char *slash = strrchr(dir, '/');

        if (slash == NULL || (size_t)(slash - dir) < root_len) {
            return lowest;
        }
        *slash = '\0';
    }
}

static uint64_t lower_of(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* One line: hierarchy-ID:controllers:path. */
static uint64_t limit_of_line(const char *line, const char *root)
{
    char mount[PATH_BYTES];
    const char *controllers = strchr(line, ':');
    const char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    uint64_t limit = 0;

    if (path == NULL) {
        return 0;
    }
    controllers++;
    if (strncmp(line, "0::", 3) == 0) {
        limit = lowest_up_to(root, path + 1, "memory.max");
        (void)snprintf(mount, sizeof(mount), "%s/unified", root);
        return lower_of(limit, lowest_up_to(mount, path + 1, "memory.max"));
    }
    if (strncmp(controllers, "memory:", 7) != 0 &&
        strncmp(controllers, "memory,", 7) != 0) {
        return 0;
    }
    (void)snprintf(mount, sizeof(mount), "%s/memory", root);
    return lowest_up_to(mount, path + 1, "memory.limit_in_bytes");
}

uint64_t seep_proc_limits_cgroup(const char *cgroup_text, const char *root)
{
    char text[TEXT_BYTES];
    char *rest = NULL;
    uint64_t limit = 0;

    (void)snprintf(text, sizeof(text), "%s", cgroup_text);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        limit = lower_of(limit, limit_of_line(line, root));
    }
    return limit;
}

void seep_proc_limits_read(int proc_dir_fd, struct seep_proc_limits *limits)
{
    char text[TEXT_BYTES];

    *limits = (struct seep_proc_limits){0};
    if (proc_dir_fd < 0) {
        return;
    }
    if (seep_proc_read(proc_dir_fd, "limits", text, sizeof(text)) > 0) {
        limits->as_bytes = seep_proc_limits_parse(text, "Max address space");
        limits->nofile = seep_proc_limits_parse(text, "Max open files");
        limits->nproc = seep_proc_limits_parse(text, "Max processes");
    }
    if (seep_proc_read(proc_dir_fd, "cgroup", text, sizeof(text)) > 0) {
        limits->cgroup_memory_max_bytes = seep_proc_limits_cgroup(text, "/sys/fs/cgroup");
    }
}
