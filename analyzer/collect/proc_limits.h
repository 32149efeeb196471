/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_PROC_LIMITS_H
#define SEEP_ANALYZER_COLLECT_PROC_LIMITS_H

#include <stdint.h>

/* What a process may not exceed; 0 = none, or unknown. */
struct seep_proc_limits {
    uint64_t as_bytes; /* RLIMIT_AS, soft */
    uint64_t nofile;   /* RLIMIT_NOFILE, soft */
    uint64_t nproc;    /* RLIMIT_NPROC, soft */
    uint64_t
        cgroup_memory_max_bytes; /* the lowest from its cgroup up to the root, v1 or v2 */
};

/* Reads the limits of the process behind a /proc/PID directory.
 *
 * proc_dir_fd: borrowed; -1 gives zeros.
 */
void seep_proc_limits_read(int proc_dir_fd, struct seep_proc_limits *limits);

/* The soft limit in the line of /proc/PID/limits that begins with `name`; 0 unlimited or
 * missing. */
uint64_t seep_proc_limits_parse(const char *text, const char *name);

/* The lowest memory limit of a cgroup and its ancestors.
 *
 * cgroup_text: /proc/PID/cgroup. root: where the hierarchies are mounted
 * ("/sys/fs/cgroup"). Returns: bytes; 0 none.
 */
uint64_t seep_proc_limits_cgroup(const char *cgroup_text, const char *root);

/* What its processes may still take before one of these limits ends one of them, file
 * pages that can make way not counted as taken. Returns: bytes, at least 1; 0 no limit.
 */
uint64_t seep_proc_limits_cgroup_room(const char *cgroup_text, const char *root);

/* What the calling process may still take: of its cgroup and of the machine. Returns:
 * bytes; 0 unknown. */
uint64_t seep_proc_limits_own_room(void);

#endif
