/* The only words that the shim ever says to the host's standard error, for the person who
 * asks why there is no recording: the collector cannot tell when none was found.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verbose.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch.h"
#include "text.h"

enum { LINE_BYTES = 160 };

static const char *reason_text(enum seep_off_reason reason)
{
    switch (reason) {
#define SEEP_X(name, value, text)                                                        \
    case SEEP_OFF_##name:                                                                \
        return text;
        SEEP_OFF_REASONS(SEEP_X)
#undef SEEP_X
    case SEEP_OFF_NONE:
    default:
        return "unknown reason";
    }
}

void seep_verbose_off(enum seep_off_reason reason)
{
    const char *wanted = getenv("SEEP_VERBOSE");
    char line[LINE_BYTES] = "";
    struct seep_text text = {line, 0, sizeof(line)};

    if (wanted == NULL || wanted[0] == '\0' || strcmp(wanted, "0") == 0) {
        return;
    }
    seep_text_put(&text, "seep: process ");
    seep_text_put_number(&text, (uint64_t)seep_arch_syscall3(SYS_getpid, 0, 0, 0));
    seep_text_put(&text, " is not recorded: ");
    seep_text_put(&text, reason_text(reason));
    seep_text_put(&text, "\n");
    (void)seep_arch_syscall3(SYS_write, STDERR_FILENO, line, text.len);
}
