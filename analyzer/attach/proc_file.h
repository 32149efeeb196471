/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_PROC_FILE_H
#define SEEP_ANALYZER_ATTACH_PROC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Small text files of the kernel, and the numbers in them. */

/* Reads a file whole, as far as it fits, and NUL-terminates it.
 *
 * dir_fd: borrowed; AT_FDCWD for an absolute path.
 * Returns: bytes read; -errno of openat and read (-ESRCH: the process is gone).
 */
int seep_proc_read(int dir_fd, const char *path, char *out, size_t out_bytes);

/* The first number behind `key` in `text`. Returns: false when key or number is missing.
 */
bool seep_proc_number(const char *text, const char *key, uint64_t *value);

/* Field N >= 3 of a stat file, counted as proc(5) counts; the name in field 2 may hold
 * anything. Returns: false when the line is too short or the field is no number. */
bool seep_proc_stat_field(const char *stat, unsigned field, uint64_t *value);

/* A clock's now. clock: CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID ... */
uint64_t seep_proc_clock_ns(int clock);

#endif
