/* Errors as values: a code for the program, a sentence for the person.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

int seep_error_set(struct seep_error *error, int code, const char *format, ...)
{
    if (error != NULL) {
        va_list args;

        error->code = code;
        va_start(args, format);
        (void)vsnprintf(error->message, sizeof(error->message), format, args);
        va_end(args);
    }
    return code;
}
