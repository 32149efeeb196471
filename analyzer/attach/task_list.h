/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_TASK_LIST_H
#define SEEP_ANALYZER_ATTACH_TASK_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attach/wait_detail.h"
#include "base/error.h"

enum { SEEP_TASK_NAME_BYTES = 64 };

/* What /proc says of one thread, without stopping it. */
struct seep_task {
    uint32_t tid;
    char name[SEEP_TASK_NAME_BYTES]; /* may be "" */
    char state;                      /* R S D T t Z X I; 0 unknown */
    struct seep_wait_detail wait;    /* while it sleeps */
    uint64_t cpu_ns;
    uint64_t voluntary_switches, involuntary_switches;
    uint64_t idle_ns; /* since it last ran, about; 0: it runs, or that is not known */
};

struct seep_task_list {
    struct seep_task *tasks; /* owned; ascending by tid */
    size_t count;
};

/* Lists the threads of a process.
 *
 * list:    out, owned (seep_task_list_fini); untouched on error.
 * Returns: 0; -ESRCH no such process (or it has ended); -ENOMEM; -errno of /proc.
 * Thread-safety: any thread. Allocates: yes. Cost: six small files per thread.
 * Source: proc(5); idle_ns from se.exec_start of /proc/PID/task/TID/sched
 * (CONFIG_SCHED_DEBUG; kernel/sched/debug.c), good to a few milliseconds.
 */
int seep_task_list_read(pid_t pid, struct seep_task_list *list, struct seep_error *error);
void seep_task_list_fini(struct seep_task_list *list);

#endif
