/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_CMD_DUMP_JSON_H
#define SEEP_ANALYZER_CLI_CMD_DUMP_JSON_H

#include <stdio.h>

#include "load/recording.h"
#include "load/symbol.h"

/* Writes a recording as JSON lines, one object each, all with "type". The page of
 * `seep dump --help` names them; fields may be added, never changed.
 *
 * symbolizer: borrowed; NULL leaves functions and lines out.
 * out:        borrowed; whether the bytes got there is for ferror and fflush to say.
 * Returns: 0; -ENOMEM; -EIO when `out` has failed.
 * Cost: O(recording).
 */
int seep_dump_json(const struct seep_recording *recording,
                   struct seep_symbolizer *symbolizer, FILE *out);

#endif
