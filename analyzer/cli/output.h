/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_OUTPUT_H
#define SEEP_ANALYZER_CLI_OUTPUT_H

#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "report/renderer.h"

/* What a stream can show: colours only on a terminal (and neither with NO_COLOR set nor
 * with TERM=dumb), UTF-8 by the locale, width from COLUMNS, else from the terminal,
 * else 80. */
struct seep_render_options seep_output_options(FILE *stream);

/* The width alone, as there; at most 400. */
unsigned seep_output_columns(FILE *stream);

/* Writes all bytes to an open stream. Returns: 0; negative errno, with *error set. */
int seep_output_stream(FILE *stream, const struct seep_buf *bytes,
                       struct seep_error *error);

/* Replaces `path` by a file with these bytes, as a whole: a temporary file beside it,
 * then a rename. What is no regular file (a pipe, /dev/null) is written to as it is.
 *
 * Returns: 0; negative errno, with *error set; then an existing file is untouched.
 */
int seep_output_file(const char *path, const struct seep_buf *bytes,
                     struct seep_error *error);

#endif
