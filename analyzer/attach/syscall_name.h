/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_SYSCALL_NAME_H
#define SEEP_ANALYZER_ATTACH_SYSCALL_NAME_H

#include <stdint.h>

/* The name of a system call that threads wait in; NULL for one not listed.
 * Thread-safety: pure. */
const char *seep_syscall_name(uint64_t number);

#endif
