/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_PRELOAD_CHECK_H
#define SEEP_ANALYZER_COLLECT_PRELOAD_CHECK_H

#include <stddef.h>

#include "base/error.h"

/* Finds the file that execvp would run.
 *
 * program:  borrowed; searched in PATH when it has no '/'.
 * path:     out.
 * Returns: 0; -ENOENT nowhere; -EACCES found but not executable; -ENAMETOOLONG.
 */
int seep_preload_find(const char *program, char *path, size_t path_bytes);

/* Whether the dynamic loader will obey LD_PRELOAD for this file.
 *
 * Returns: 0 yes, also for scripts; -ENOEXEC no (the message says why: static, another
 * architecture, setuid or file capabilities); -errno of open and read. Source: ld.so(8),
 * "secure-execution mode"; elf(5).
 */
int seep_preload_check(const char *path, struct seep_error *error);

#endif
