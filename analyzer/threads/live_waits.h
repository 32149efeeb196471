/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_THREADS_LIVE_WAITS_H
#define SEEP_ANALYZER_THREADS_LIVE_WAITS_H

#include <sys/types.h>

#include "attach/probe.h"
#include "attach/task_list.h"
#include "load/recording.h"

/* A thread that has stood still for so long may be waiting for ever. */
#define SEEP_LIVE_STILL_NS UINT64_C(1000000000)

/* Gives a picture (live_picture.h) what each thread that stands still waits for: a probe
 * as a recording has it, with the memory around its futex. So the verdicts on threads
 * that will never run again read a live process as well.
 *
 * tasks, probe: borrowed; those that the picture was made from.
 * Returns: 0; -ENOMEM. A process whose memory cannot be read is no error.
 */
int seep_live_waits_fill(pid_t pid, const struct seep_task_list *tasks,
                         const struct seep_probe *probe, struct seep_recording *picture);
/* Frees what the above allocated; the picture is borrowed. */
void seep_live_waits_fini(struct seep_recording *picture);

#endif
