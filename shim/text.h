/* SPDX-License-Identifier: MIT */
#ifndef SEEP_SHIM_TEXT_H
#define SEEP_SHIM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Small texts without stdio: raw system calls, no allocation, errno kept,
 * async-signal-safe. */

/* Reads up to size_bytes - 1 bytes of a file and terminates them. Returns: bytes read; 0
 * on failure. */
size_t seep_text_read_file(const char *path, char *out, size_t size_bytes);
/* Same for the target of a symbolic link. */
size_t seep_text_read_link(const char *path, char *out, size_t size_bytes);
/* Field 22 of /proc/self/stat (start time in clock ticks); 0 when unreadable. */
uint64_t seep_text_stat_start_ticks(void);
/* Threads of this process; 0 when unknown. */
uint64_t seep_text_stat_threads(void);
/* Parent of a process, from /proc/PID/stat; 0 when unreadable. */
uint32_t seep_text_parent_of(uint32_t pid);
/* Start time of a process in clock ticks, same source; 0 when unreadable. */
uint64_t seep_text_start_ticks_of(uint32_t pid);

/* The value of a word NAME=VALUE in SEEP_OPTIONS; the last of a name counts.
 *
 * out:      the value, terminated; "" when it is not there or longer than size_bytes - 1.
 * Returns: whether it is there. Not async-signal-safe (reads the environment).
 */
bool seep_text_option(const char *name, char *out, size_t size_bytes);

/* Appends to a bounded, terminated text; cut silently at size_bytes. `len` is the length
 * so far. */
struct seep_text {
    char *at;
    size_t len, size_bytes;
};
void seep_text_put(struct seep_text *text, const char *piece);
void seep_text_put_number(struct seep_text *text, uint64_t number);

#endif
