/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_THREADS_LOOK_H
#define SEEP_ANALYZER_CLI_THREADS_LOOK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "threads/thread_groups.h"

struct seep_threads_request {
    pid_t pid;             /* 0: a recording */
    const char *recording; /* FILE; with a pid: the recording of that process, or NULL */
    bool no_stacks;        /* stop nothing */
    bool profile;          /* fill findings->profile */
};

/* Looks at a process or into a recording.
 *
 * groups:  out, owned (seep_thread_groups_free); untouched on error.
 * Returns: 0; -ESRCH no such process, or it ended meanwhile; -ESTALE it became another
 *   program; -ENOMEM; what reading FILE gives. The message is one line.
 * That stacks may not be taken is no error: it is a note.
 */
int seep_threads_look(const struct seep_threads_request *request,
                      struct seep_thread_groups **groups, struct seep_error *error);

#endif
