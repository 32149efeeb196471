/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_MEMORY_MAP_H
#define SEEP_ANALYZER_ATTACH_MEMORY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line of /proc/PID/maps. */
struct seep_vma {
    uint64_t start, end; /* [start, end) */
    bool readable, writable, executable, shared;
    char *path; /* owned; "" anonymous; "[heap]", "[stack]" ... as the kernel says */
};

/* A process's address space, ascending. All-zero is a valid empty map. */
struct seep_memory_map {
    struct seep_vma *vmas; /* owned */
    size_t count;
};

/* Reads the map of `pid`.
 *
 * out: untouched on error.
 * Returns: 0; -ENOMEM; -errno of open and read (-ENOENT: no such process; -EACCES: not
 * ours to look at); -EPROTO: a line that is not one of proc(5).
 * Thread-safety: any thread. Allocates: the map; free with seep_memory_map_fini.
 */
int seep_memory_map_read(uint32_t pid, struct seep_memory_map *out);
void seep_memory_map_fini(struct seep_memory_map *map);

/* The VMA that holds `address`; NULL. Cost: O(log n). */
const struct seep_vma *seep_memory_map_find(const struct seep_memory_map *map,
                                            uint64_t address);

#endif
