/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_THREADS_THREADS_TEXT_H
#define SEEP_ANALYZER_THREADS_THREADS_TEXT_H

#include "base/buf.h"
#include "report/renderer.h"
#include "threads/thread_groups.h"

/* Appends the groups for a person to read. options->top: groups shown at most; 0: 20.
 * Returns: 0; -ENOMEM. Same groups, same bytes. */
int seep_threads_text(const struct seep_thread_groups *groups,
                      const struct seep_render_options *options, struct seep_buf *out);

#endif
