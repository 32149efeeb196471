/* Limits that follow the container: what the cgroup allows, and what becomes of the
 * configured thresholds then.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_MEMORY_LIMITS_H
#define PMA_MEMORY_LIMITS_H

#include <stdint.h>

/* The thresholds in force. */
struct pma_memory_limits {
    uint64_t max_memory_usage_bytes;
    uint64_t max_heap_alloc_bytes;
    uint64_t cgroup_bytes;   /* what the cgroup allows; UINT64_MAX: no limit */
    uint32_t cgroup_version; /* 1 or 2; 0: no cgroup with memory was found */
};

/* Reads the memory limit of this process's cgroup: the least of it and all above it
 * (memory.max and memory.high of version 2, memory.limit_in_bytes of version 1). root:
 * put before the paths of /proc and /sys, "" in earnest; at most 400 bytes.
 * Fills cgroup_bytes and cgroup_version; without a limit UINT64_MAX. Thread-safety: any
 * thread. Allocates: nothing. Cost: a few small files, each time anew: a limit may change
 * while the process runs. Source: cgroups(7), kernel's cgroup-v1/memory.rst,
 * cgroup-v2.rst.
 */
void pma_cgroup_read(const char *root, struct pma_memory_limits *limits);

/* Brings the thresholds down to `percent` of what the cgroup allows, the heap's in
 * proportion; never above the configured ones. percent: above 0. Thread-safety: pure. */
void pma_memory_limits_apply(uint64_t configured_usage_bytes,
                             uint64_t configured_heap_bytes, double percent,
                             struct pma_memory_limits *limits);

#endif
