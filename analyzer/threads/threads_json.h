/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_THREADS_THREADS_JSON_H
#define SEEP_ANALYZER_THREADS_THREADS_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "threads/thread_groups.h"

/* Appends all groups as JSON, version 1 (docs/threads.md): fields may be added, never
 * changed. top: groups at most; 0: all. Returns: 0; -ENOMEM. */
int seep_threads_json(const struct seep_thread_groups *groups, size_t top,
                      struct seep_buf *out);

/* The same, for who has more to say. Owned by the caller; NULL: no memory. */
json_t *seep_threads_json_object(const struct seep_thread_groups *groups, size_t top);

#endif
