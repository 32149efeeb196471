/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_SYSCALL_RESTART_H
#define SEEP_ANALYZER_ATTACH_SYSCALL_RESTART_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/user.h>

/* Makes a stopped thread repeat the system call that our stop has ended with EINTR, so
 * that the program does not see the stop. Of other calls, and when a signal waits to be
 * delivered (then the program expects EINTR), nothing is changed.
 *
 * regs: borrowed; the thread's registers as they are; not changed here.
 * Returns: whether the thread was changed. Thread-safety: the tracing thread.
 * Source: signal(7), "Interruption of system calls and library functions by stop
 * signals"; sock_intr_errno in the kernel's include/net/sock.h.
 */
bool seep_syscall_restart(pid_t pid, pid_t tid, const struct user_regs_struct *regs);

#endif
