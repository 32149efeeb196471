/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_RECORDING_FIND_H
#define SEEP_ANALYZER_COLLECT_RECORDING_FIND_H

#include <stddef.h>

enum { SEEP_RECORDING_PATH_BYTES = 64, SEEP_RECORDINGS_FOUND_MAX = 256 };

/* Recordings that collectors on this machine are writing just now, as paths through /proc
 * ("/proc/7/fd/5"): they can be read whatever the file is called and wherever it is.
 *
 * paths:   out, borrowed; room for SEEP_RECORDINGS_FOUND_MAX.
 * Returns: paths written; those of other users are not seen without privilege.
 * Thread-safety: any thread. Allocates: no. Cost: O(processes), plus the descriptors of
 * collectors.
 */
size_t seep_recording_find(char (*paths)[SEEP_RECORDING_PATH_BYTES]);

#endif
