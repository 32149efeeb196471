/* Resource limits of a process: what a forecast runs against, and what is left below
 * them.
 *
 * Source: proc(5) limits, cgroup, meminfo; Documentation/admin-guide/cgroup-v2.rst
 * memory.max, memory.current, memory.stat; cgroup-v1/memory.rst memory.limit_in_bytes
 * ("unlimited" there is a number near 2^63), memory.usage_in_bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "collect/proc_limits.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/proc_file.h"

enum { TEXT_BYTES = 8192, PATH_BYTES = 4096, NUMBER_BYTES = 64, BYTES_PER_KIB = 1024 };

static const char CGROUP_ROOT[] = "/sys/fs/cgroup";

#define V1_UNLIMITED_FROM (UINT64_C(1) << 60)

uint64_t seep_proc_limits_parse(const char *text, const char *name)
{
    uint64_t value = 0;

    return seep_proc_number(text, name, &value) ? value : 0;
}

/* The files of a kind of hierarchy. */
struct files {
    const char *limit, *used, *cached; /* cached: a line of memory.stat */
};

static const struct files V2 = {"memory.max", "memory.current", "inactive_file "};
static const struct files V1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                "total_inactive_file "};

struct search {
    const char *root; /* where the hierarchies are mounted */
    bool room;        /* not for the limit: for what is left below it */
};

static bool read_number(const char *dir, const char *file, const char *key,
                        uint64_t *value)
{
    char path[PATH_BYTES + NUMBER_BYTES];
    char text[TEXT_BYTES];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, file);
    return seep_proc_read(AT_FDCWD, path, text, sizeof(text)) > 0 &&
           seep_proc_number(text, key, value);
}

/* File pages that nobody has used of late make way, and are no use of memory. */
static uint64_t left_of(uint64_t limit, const char *dir, const struct files *files)
{
    uint64_t used = 0;
    uint64_t cached = 0;

    (void)read_number(dir, files->used, "", &used);
    (void)read_number(dir, "memory.stat", files->cached, &cached);
    used -= cached < used ? cached : used;
    return used < limit ? limit - used : 1;
}

static uint64_t read_limit(const struct search *search, const char *dir,
                           const struct files *files)
{
    uint64_t limit = 0;

    if (!read_number(dir, files->limit, "", &limit) || limit >= V1_UNLIMITED_FROM) {
        return 0;
    }
    return search->room && limit > 0 ? left_of(limit, dir, files) : limit;
}

/* The lowest limit from root/path up to root itself. A path that does not exist here (the
 * process lives in another cgroup namespace) is climbed until one does. */
static uint64_t lowest_up_to(const struct search *search, const char *mount,
                             const char *path, const struct files *files)
{
    char dir[PATH_BYTES];
    size_t root_len = strlen(search->root) + strlen(mount);
    uint64_t lowest = 0;
    int n = snprintf(dir, sizeof(dir), "%s%s%s", search->root, mount, path);

    if (n < 0 || (size_t)n >= sizeof(dir)) {
        return 0;
    }
    for (;;) {
        uint64_t limit = read_limit(search, dir, files);

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
static uint64_t limit_of_line(const struct search *search, const char *line)
{
    const char *controllers = strchr(line, ':');
    const char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

    if (path == NULL) {
        return 0;
    }
    controllers++;
    if (strncmp(line, "0::", 3) == 0) {
        return lower_of(lowest_up_to(search, "", path + 1, &V2),
                        lowest_up_to(search, "/unified", path + 1, &V2));
    }
    if (strncmp(controllers, "memory:", 7) != 0 &&
        strncmp(controllers, "memory,", 7) != 0) {
        return 0;
    }
    return lowest_up_to(search, "/memory", path + 1, &V1);
}

static uint64_t lowest_of(const struct search *search, const char *cgroup_text)
{
    char text[TEXT_BYTES];
    char *rest = NULL;
    uint64_t limit = 0;

    (void)snprintf(text, sizeof(text), "%s", cgroup_text);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        limit = lower_of(limit, limit_of_line(search, line));
    }
    return limit;
}

uint64_t seep_proc_limits_cgroup(const char *cgroup_text, const char *root)
{
    return lowest_of(&(struct search){.root = root}, cgroup_text);
}

uint64_t seep_proc_limits_cgroup_room(const char *cgroup_text, const char *root)
{
    return lowest_of(&(struct search){.root = root, .room = true}, cgroup_text);
}

uint64_t seep_proc_limits_own_room(void)
{
    char text[TEXT_BYTES];
    uint64_t available_kib = 0;
    uint64_t room = 0;

    if (seep_proc_read(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) > 0) {
        (void)seep_proc_number(text, "MemAvailable:", &available_kib);
    }
    if (seep_proc_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) > 0) {
        room = seep_proc_limits_cgroup_room(text, CGROUP_ROOT);
    }
    return lower_of(available_kib * BYTES_PER_KIB, room);
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
        limits->cgroup_memory_max_bytes = seep_proc_limits_cgroup(text, CGROUP_ROOT);
    }
}
