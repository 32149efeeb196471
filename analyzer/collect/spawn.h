/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_SPAWN_H
#define SEEP_ANALYZER_COLLECT_SPAWN_H

#include <signal.h>
#include <sys/types.h>

#include "base/error.h"
#include "collect/collect_loop.h"

/* Forks the collector: a session and a name of its own, no descriptor but what it needs.
 *
 * collect: its descriptors stay the caller's here; the child has copies. control_fd is
 * the child's end. argv:    the caller's arguments, whose memory the child overwrites in
 * itself so that a `pkill -f PROGRAM` does not find the collector; NULL-terminated.
 * Returns: the child's pid; -errno of fork.
 */
pid_t seep_spawn_collector(const struct seep_collect *collect, char **argv);

/* A program that waits to be let go. */
struct seep_spawned {
    pid_t pid;
    int go_fd;     /* owned; closed by seep_spawn_go and seep_spawn_cancel */
    int result_fd; /* owned; same */
};

/* Forks the program's process, which waits before its exec.
 *
 * argv, env: borrowed; argv[0] is looked up in PATH.
 * mask:      borrowed; the signal mask that the program starts with.
 * Returns: 0; -errno of pipe2, fork.
 */
int seep_spawn_program(char *const *argv, char *const *env, const sigset_t *mask,
                       struct seep_spawned *spawned);
/* Lets it exec. Returns: 0 it runs; -errno of execvpe (the process is reaped then). */
int seep_spawn_go(struct seep_spawned *spawned);
/* Ends it before its exec. */
void seep_spawn_cancel(struct seep_spawned *spawned);

#endif
