/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ATTACH_MEMORY_COPY_H
#define SEEP_ANALYZER_ATTACH_MEMORY_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"

/* Pages of another process, copied while it goes on: each word is whole, two of them may
 * be of different instants. All-zero is a valid empty copy. */
struct seep_memory_copy {
    struct seep_copied_run {
        uint64_t start, bytes;
        size_t at; /* in data */
    } * runs;      /* owned; ascending */
    size_t run_count;
    uint8_t *data; /* owned; mapped */
    size_t data_bytes;
    uint64_t unread_bytes; /* pages that were there and could not be read: gone since */
};

/* Copies the pages of `spans` that the process has ever touched; others would become
 * real by being read.
 *
 * spans:       borrowed; ascending, apart, at page borders.
 * limit_bytes: of the copy.
 * out:         untouched on error.
 * error:       out; may be NULL.
 * Returns: 0; -ENOMEM; -E2BIG: more than the limit, or spans of more than
 * 64 GiB; -errno of /proc/PID/pagemap and of
 * process_vm_readv (-EPERM: not ours to read; -ESRCH: it has ended).
 * Allocates: the copy, and 8 bytes for each run; free with seep_memory_copy_fini.
 */
int seep_memory_copy_take(uint32_t pid, const struct seep_span *spans, size_t count,
                          uint64_t limit_bytes, struct seep_memory_copy *out,
                          struct seep_error *error);
void seep_memory_copy_fini(struct seep_memory_copy *copy);

/* The copied bytes at `at`: a borrowed pointer and how many follow, at most `wanted`.
 * NULL where there is no page; *available is then how far that goes, at most `wanted`.
 * Cost: O(log runs). */
const void *seep_memory_copy_look(const struct seep_memory_copy *copy, uint64_t at,
                                  size_t wanted, size_t *available);

/* Reads as much of the process's memory at `at` as there is, up to `bytes`.
 *
 * Returns: bytes read (> 0); -errno of process_vm_readv (-EFAULT: nothing there).
 * Thread-safety: any thread.
 */
int64_t seep_memory_read(uint32_t pid, uint64_t at, void *out, size_t bytes);

#endif
