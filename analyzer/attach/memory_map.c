/* /proc/PID/maps as an array.
 *
 * Source: proc(5), "/proc/pid/maps": address perms offset dev inode path.
 *
 * SPDX-License-Identifier: MIT
 */
#include "attach/memory_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 48 };

void seep_memory_map_fini(struct seep_memory_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->vmas[i].path);
    }
    free(map->vmas);
    *map = (struct seep_memory_map){0};
}

static int parse(char *line, struct seep_vma *vma)
{
    char permissions[5] = "";
    int path_at = 0;
    char *path = NULL;

    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %*u %n", &vma->start,
               &vma->end, permissions, &path_at) < 3 ||
        path_at == 0 || vma->start >= vma->end) {
        return -EPROTO;
    }
    line[strcspn(line, "\n")] = '\0';
    path = strdup(line + path_at);
    if (path == NULL) {
        return -ENOMEM;
    }
    vma->readable = permissions[0] == 'r';
    vma->writable = permissions[1] == 'w';
    vma->executable = permissions[2] == 'x';
    vma->shared = permissions[3] == 's';
    vma->path = path;
    return 0;
}

static int append(struct seep_memory_map *map, size_t *capacity, char *line)
{
    if (map->count == *capacity) {
        size_t wanted = *capacity > 0 ? *capacity * 2 : 64;
        struct seep_vma *grown = reallocarray(map->vmas, wanted, sizeof(*grown));

        if (grown == NULL) {
            return -ENOMEM;
        }
        map->vmas = grown;
        *capacity = wanted;
    }
    int err = parse(line, &map->vmas[map->count]);

    map->count += err == 0;
    return err;
}

int seep_memory_map_read(uint32_t pid, struct seep_memory_map *out)
{
    struct seep_memory_map map = {0};
    char path[PATH_BYTES];
    char *line = NULL;
    size_t line_bytes = 0;
    size_t capacity = 0;
    FILE *file = NULL;
    int err = 0;

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/maps", pid);
    file = fopen(path, "re");
    if (file == NULL) {
        return -errno;
    }
    while (err == 0 && getline(&line, &line_bytes, file) > 0) {
        err = append(&map, &capacity, line);
    }
    if (err == 0 && ferror(file) != 0) {
        err = -EIO;
    }
    free(line);
    (void)fclose(file);
    if (err < 0) {
        seep_memory_map_fini(&map);
        return err;
    }
    *out = map;
    return 0;
}

const struct seep_vma *seep_memory_map_find(const struct seep_memory_map *map,
                                            uint64_t address)
{
    size_t from = 0;
    size_t to = map->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (map->vmas[middle].start <= address) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from > 0 && address < map->vmas[from - 1].end ? &map->vmas[from - 1] : NULL;
}
