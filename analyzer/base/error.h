/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_BASE_ERROR_H
#define SEEP_ANALYZER_BASE_ERROR_H

#include <stddef.h>

/* What went wrong, where, in words for a person: built once, where the failure is seen.
 * Only the command line prints it.
 */
struct seep_error {
    int code;          /* negative errno; 0 = no error */
    char message[512]; /* one line without newline: what, where (file, byte offset), what
                          to do */
};

/* Fills *error (ignored when NULL) with a printf-formatted line, cut at the buffer's end.
 *
 * code:  negative errno.
 * Returns: code, so that a caller can `return seep_error_set(...)`.
 * Thread-safety: any thread on its own *error. Allocates: no.
 */
int seep_error_set(struct seep_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
