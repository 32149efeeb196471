/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_TOP_TERMINAL_H
#define SEEP_ANALYZER_CLI_TOP_TERMINAL_H

#include "base/error.h"
#include "load/follow.h"
#include "top/top_view.h"

/* Shows a recording on the terminal until the user quits.
 *
 * view:       as it begins; columns and lines are the terminal's.
 * interval_s: between two looks at the file.
 * color:      whether colours may be used, where the terminal has them.
 * Returns: 0; -ENOTTY the terminal cannot be used (TERM); -ENOMEM; what
 *   seep_follow_refresh gives. The terminal is as it was before in each case.
 */
int seep_top_terminal_run(struct seep_follow *follow, struct seep_top_view *view,
                          double interval_s, bool color, struct seep_error *error);

#endif
