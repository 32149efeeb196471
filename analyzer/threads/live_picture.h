/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_THREADS_LIVE_PICTURE_H
#define SEEP_ANALYZER_THREADS_LIVE_PICTURE_H

#include <sys/types.h>

#include "attach/probe.h"
#include "attach/task_list.h"
#include "load/recording.h"

/* A process as it is now, in the form of a recording with one instant: its modules, a
 * node per frame of the threads' present stacks, a site per distinct stack, and its
 * threads, whose site is where they are (not where they were made). So what reads
 * recordings reads this: symbols, profiles, views of stacks.
 *
 * tasks:   borrowed. probe: borrowed; NULL when no stacks could be taken.
 * picture: out, owned (seep_live_picture_free); untouched on error.
 * Returns: 0; -ENOMEM. Thread-safety: any thread. Allocates: yes.
 */
int seep_live_picture_make(pid_t pid, const struct seep_task_list *tasks,
                           const struct seep_probe *probe,
                           struct seep_recording **picture);
void seep_live_picture_free(struct seep_recording *picture);

#endif
