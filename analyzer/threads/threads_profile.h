/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_THREADS_THREADS_PROFILE_H
#define SEEP_ANALYZER_THREADS_THREADS_PROFILE_H

#include "threads/thread_groups.h"

/* Fills groups->findings->profile, so that the renderers of profiles (folded, pprof) can
 * show the groups: one sample per group, its value the number of threads.
 *
 * source: borrowed; the one whose stacks the groups are of: `present` of a process, else
 *   `creation`.
 * Returns: 0; -ENOMEM. */
int seep_threads_profile_fill(struct seep_thread_groups *groups,
                              const struct seep_threads_source *source);

#endif
