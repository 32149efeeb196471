/* What all commands say in the same way.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>

int seep_cli_usage_error(const char *command, const char *format, ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    fprintf(stderr, "seep %s: %s (see: seep help %s)\n", command, message, command);
    return SEEP_EXIT_USAGE;
}
