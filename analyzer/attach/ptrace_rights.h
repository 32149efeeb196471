/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_PTRACE_RIGHTS_H
#define SEEP_ANALYZER_ATTACH_PTRACE_RIGHTS_H

#include <sys/types.h>

#include "base/error.h"

/* Says why the kernel did not let us trace a process, and what helps.
 *
 * Returns: -EBUSY traced by another; -EPERM in all other cases; *error set.
 * Thread-safety: any thread. Source: ptrace(2), "Ptrace access mode checking";
 * Documentation/admin-guide/LSM/Yama.rst.
 */
int seep_ptrace_explain(pid_t pid, struct seep_error *error);

#endif
