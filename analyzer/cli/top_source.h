/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_TOP_SOURCE_H
#define SEEP_ANALYZER_CLI_TOP_SOURCE_H

#include "base/error.h"
#include "load/follow.h"

/* Opens what `seep top` is asked to show.
 *
 * operand: digits alone are a process, whose running recording is found; anything else a
 *   file; NULL: the one recording that is being written, when there is just one.
 * follow:  out, owned (seep_follow_close); untouched on error.
 * Returns: 0; -ESRCH no recording of that process is being written (or, with NULL, of
 *   any); -E2BIG several are, the message names their processes; what opening FILE gives.
 */
int seep_top_source_open(const char *operand, struct seep_follow **follow,
                         struct seep_error *error);

#endif
