/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_TASK_LOOK_H
#define SEEP_ANALYZER_COLLECT_TASK_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "attach/wait_detail.h"
#include "collect/payload.h"

/* What is kept of one task of the process from look to look. All-zero is one that was not
 * looked at. Owner thread. */
struct seep_watched_task {
    uint32_t tid;
    int sched_fd_plus_1;                 /* owned; its schedstat, kept open; 0: not */
    uint64_t ran_ns, delayed_ns, slices; /* what schedstat said */
    bool stale;                          /* it has run since the details were read */
    bool asked;                          /* it was seen at least once */
    bool seen_again;                     /* ... and at a later look */
    uint32_t missed;                     /* looks in a row that did not find it */
    struct seep_thread_figures figures;
    struct seep_wait_detail wait; /* of a task that sleeps */
    uint32_t stops;               /* by us, since the last look */
    uint64_t stopped_since_ns;    /* figures.unchanged_since_ns before them */
    uint64_t stopped_switches;    /* figures.voluntary_switches before them */
    char name[16];                /* as the kernel knows it; "" before the first look */
};

/* Who looks. */
struct seep_task_looker {
    int proc_dir_fd; /* borrowed; /proc/PID */
    uint64_t t_ns;   /* of the snapshot */
    bool in_full;    /* details of tasks that run, too */
};

/* Looks at a task. Cheap (one pread) while it neither ran nor begins to rest; its
 * details are read when it is found at rest, and with `in_full`.
 *
 * task: in/out; its tid says which.
 * Returns: whether the task exists. When not, what was known of it stays; at the second
 * such look its state becomes 'X', and its wait nothing: a process that ends takes its
 * tasks along, and they ran to its end.
 */
bool seep_task_look(struct seep_watched_task *task,
                    const struct seep_task_looker *looker);

/* We made the task stop and go on: what that moves is not its own moving. To be called
 * for each stop, before the next look. */
void seep_task_stopped(struct seep_watched_task *task);

/* The task is no more: closes its file; its figures stay, but for its state and wait. */
void seep_task_gone(struct seep_watched_task *task);

#endif
