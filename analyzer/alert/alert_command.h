/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_ALERT_COMMAND_H
#define SEEP_ANALYZER_ALERT_COMMAND_H

#include "alert/alert_note.h"
#include "base/error.h"

/* Runs a program for a note and waits for it: the note as JSON on its stdin, its texts as
 * SEEP_ALERT_NAME in its environment, its stdout nowhere, its stderr ours.
 *
 * line:    a path and arguments, parted by blanks; no shell, no quotes.
 * limit_ms: after that it is killed, with all that it started in its process group.
 * Returns: 0 it exited 0; -EIO it exited otherwise, or was killed by a signal;
 * -ETIMEDOUT; -ENOENT, -EACCES and the like when it could not be started; -ENOMEM. *error
 * says it. Thread-safety: any thread. No descriptor but 0, 1, 2 reaches it.
 */
int seep_alert_command_run(const char *line, const struct seep_alert_note *note,
                           int limit_ms, struct seep_error *error);

#endif
