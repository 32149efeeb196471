/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_PROCESS_END_H
#define SEEP_ANALYZER_COLLECT_PROCESS_END_H

#include <stdbool.h>
#include <stdint.h>

#include "seep/recording.h"

/* How a process ended. */
struct seep_process_end {
    enum seep_ending kind;
    uint32_t status; /* exit status, or signal number */
};

/* From a status of waitpid. */
struct seep_process_end seep_process_end_of_wait(int wait_status);

/* Opens a descriptor for the process at the other end of a socket, or by pid where the
 * kernel cannot say (before 6.5).
 *
 * by_number: out; opened by pid, so it may be another process that was given the pid
 * since. Returns: owned descriptor; -ESRCH it is gone; other -errno.
 */
int seep_process_open_peer(int socket_fd, uint32_t pid, bool *by_number);

/* Asks the kernel how a process ended that its pidfd says has ended. Never waits, never
 * reaps.
 *
 * pidfd:       borrowed. proc_dir_fd: borrowed /proc/PID; both may be -1.
 * end:         out; untouched when unknown.
 * Returns: whether the kernel could say.
 * Source: PIDFD_GET_INFO (Linux 6.15) of a reaped process; field 52 of proc(5)'s stat of
 * a zombie.
 */
bool seep_process_end_ask(int pidfd, int proc_dir_fd, struct seep_process_end *end);

#endif
