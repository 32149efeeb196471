/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_BASE_RULE_LINES_H
#define SEEP_ANALYZER_BASE_RULE_LINES_H

#include <stddef.h>

#include "base/error.h"

/* Files of one rule a line, of unknown origin: what the readers of all such files share.
 */
enum {
    SEEP_RULES_BYTES_MAX = 1 << 20, /* of a file */
    SEEP_RULES_MAX = 10000,         /* lines that say something */
    SEEP_RULE_LINE_MAX = 1000       /* bytes of a line */
};

/* Takes one line: trimmed, not empty, no comment. line: borrowed, may be written to.
 * Returns: 0; negative errno with *error set, its message without file and line. */
typedef int seep_rule_taker(void *context, char *line, size_t number,
                            struct seep_error *error);

/* Reads bytes line by line; blank lines and those that start with `#` are comments.
 *
 * name:     of the file, for messages. bytes: borrowed.
 * Returns:  0; -EINVAL a line too long, a byte 0, too many rules; what `take` returned.
 *           *error then says "NAME:LINE: what".
 * Allocates: no. Cost: O(bytes).
 */
int seep_rule_lines_parse(const char *name, const char *bytes, size_t len_bytes,
                          seep_rule_taker *take, void *context, struct seep_error *error);

/* The same over a file.
 * Returns: as above; errno of open and read; -EISDIR; -EFBIG over SEEP_RULES_BYTES_MAX;
 * -ENOMEM. */
int seep_rule_lines_read(const char *path, seep_rule_taker *take, void *context,
                         struct seep_error *error);

#endif
