/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_PROC_SAMPLE_H
#define SEEP_ANALYZER_COLLECT_PROC_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "collect/payload.h"

/* A process in /proc. The directory stays that process's: once it is gone, reads fail,
 * also when its pid is given to another.
 */
struct seep_proc {
    int dir_fd;                /* owned; -1: the process was gone from the start */
    uint64_t exe_dev, exe_ino; /* of /proc/PID/exe at the start; 0 unknown */
    uint64_t pss_bytes;        /* the newest known */
    uint64_t pss_next_ns;      /* CLOCK_MONOTONIC: not looked at before */
};

/* Opens /proc/PID and checks that it is the process that started at start_ticks.
 *
 * start_ticks: field 22 of its stat; 0 = not checked.
 * Returns: 0; -ESRCH no such process; -ESTALE the pid is another's by now; on both
 * proc->dir_fd is -1.
 */
int seep_proc_open(struct seep_proc *proc, uint32_t pid, uint64_t start_ticks);
void seep_proc_close(struct seep_proc *proc);

/* Reads the figures of one instant. PSS costs a walk over the page tables: it is looked
 * at so seldom that the walks take at most 1 % of the time, and carried forward between.
 *
 * figures: out; zeros for what could not be read.
 * Returns: 0; -ESRCH the process has ended.
 */
int seep_proc_sample(struct seep_proc *proc, struct seep_process_figures *figures);

/* Says which file the process ran when it registered: it may run another already.
 *
 * exe: borrowed; its /proc/self/exe at that time. Counts only when both that path in the
 * process's root and the link's text say something else than /proc/PID/exe does now.
 */
void seep_proc_expect_exe(struct seep_proc *proc, const char *exe);

/* Whether the process runs another program than at seep_proc_open. */
bool seep_proc_has_execed(const struct seep_proc *proc);

#endif
