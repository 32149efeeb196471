/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_STACK_UNWIND_H
#define SEEP_ANALYZER_ATTACH_STACK_UNWIND_H

#include <sys/types.h>

#include "attach/memory_map.h"
#include "attach/probe.h"

/* Unwinds copied stacks by the unwind tables of the process's files. */
struct seep_unwinder;

/* map: borrowed; must outlive the unwinder. The process is read again only for its list
 * of modules, its vdso, and stacks that go on outside of what was copied.
 *
 * unwinder: out, owned (seep_unwinder_free).
 * Returns: 0; -ENOMEM; -ESRCH the process has ended; -errno of /proc/PID/maps.
 */
int seep_unwinder_new(pid_t pid, const struct seep_memory_map *map,
                      struct seep_unwinder **unwinder);
void seep_unwinder_free(struct seep_unwinder *unwinder);

/* Fills frames, frame_count and end from thread->copy, whose status is 0.
 * Returns: 0; -ENOMEM. Thread-safety: owner thread. */
int seep_unwinder_run(struct seep_unwinder *unwinder, struct seep_probe_thread *thread);

/* Hands over the modules that frames were found in; owned, as their paths. The unwinder
 * cannot run any more. count: out; the empty module at 0 counts. */
struct seep_probe_module *seep_unwinder_modules_take(struct seep_unwinder *unwinder,
                                                     size_t *count);

#endif
