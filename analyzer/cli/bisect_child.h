/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_BISECT_CHILD_H
#define SEEP_ANALYZER_CLI_BISECT_CHILD_H

#include <stdbool.h>

/* Statuses of a child that did not end by itself: as a shell gives them. */
enum { SEEP_CHILD_CANNOT_START = 127, SEEP_CHILD_SIGNALLED = 128 };

/* Runs a program, its stdout on our stderr, and waits.
 *
 * argv: borrowed, NULL-terminated. log: borrowed; both outputs go to this file, which is
 * appended to; NULL: to our stderr.
 * Returns: its exit status; SEEP_CHILD_SIGNALLED when a signal ended it;
 *   SEEP_CHILD_CANNOT_START. Thread-safety: one thread.
 */
int seep_bisect_child_run(const char *const *argv, const char *log);

/* From here on SIGINT, SIGTERM and SIGHUP do not end this process but the child that it
 * waits for, with all that the child has started: each child is a process group. */
void seep_bisect_child_guard(void);

/* The signal that came since then; 0: none. */
int seep_bisect_child_interrupted(void);

/* From here on signals reach neither this process nor its children, which put things in
 * order. */
void seep_bisect_child_unguard(void);

#endif
