/* The command line of pma-backend.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PMA_COMMAND_LINE_H
#define PMA_COMMAND_LINE_H

#include "server/config/config.h"

#include <stdbool.h>
#include <stddef.h>

#define PMA_COMMAND_LINE_SETS_MAX 64

/* What was asked for; texts are borrowed from argv, "KEY=VALUE" included. */
struct pma_command_line {
    const char *config_path; /* NULL: defaults */
    const char *port_file;   /* NULL: none */
    const char *fixes;       /* NULL: as the other sources say */
    const char *sets[PMA_COMMAND_LINE_SETS_MAX];
    size_t sets_count;
    bool check_config, version, help;
};

/* Reads argv. Options begin with one dash or two; a value follows after "=" or as the
 * next argument. Returns: 0; -EINVAL: why[] says in one line what is wrong.
 * Thread-safety: pure. */
int pma_command_line_parse(int argc, char *const argv[], struct pma_command_line *options,
                           char *why, size_t why_bytes);

/* Builds the configuration: defaults, file, environment, --fixes, --set, and checks it as
 * a whole.
 * Returns: 0, also with problems; -errno: the file cannot be read.
 * Thread-safety: as pma_config_read_environment. */
int pma_command_line_configure(const struct pma_command_line *options,
                               struct pma_config *config,
                               struct pma_config_problems *problems);

/* The text of --help. Borrowed for ever. */
const char *pma_command_line_help(void);

#endif
