/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_SUBSYSTEM_RULES_H
#define SEEP_ANALYZER_VERDICT_SUBSYSTEM_RULES_H

#include <stddef.h>

#include "base/error.h"
#include "load/recording.h"
#include "load/symbol.h"

/* Subsystems of a program that has no annotations, by rules. One a line:
 *
 *     # subsystem  conditions, all of which one frame must fit
 *     websocket    function:hub_*
 *     ai           source:server/ai/
 *     tls          module:libssl.so*
 *     workers      thread:pool-*
 *
 * Globs (base/glob.h: `*` and `?`) are compared with the whole name. A function also fits
 * without its parameters; module and source also by any tail of the path that follows a
 * slash, and `source:DIR/` by all files below such a folder. `thread:` stands alone: it
 * fits the threads of that name, and all that was acquired below a start routine whose
 * threads all have such names.
 *
 * The innermost frame that fits a rule decides; of several rules, the first one in the
 * file. Sites that the program has annotated keep their subsystem.
 */
struct seep_subsystem_rules;

/* Reads a file of rules.
 *
 * path:    borrowed. out: owned (seep_subsystem_rules_free); untouched on error.
 * error:   out; "FILE:LINE: what, what to write instead".
 * Returns: 0; -EINVAL a line that is no rule; errno of open and read; -EFBIG; -ENOMEM.
 * Allocates: yes. Cost: O(file).
 */
int seep_subsystem_rules_open(const char *path, struct seep_subsystem_rules **out,
                              struct seep_error *error);
/* The same over bytes in memory, borrowed during the call. name: the path in messages. */
int seep_subsystem_rules_parse(const char *name, const char *bytes, size_t len_bytes,
                               struct seep_subsystem_rules **out,
                               struct seep_error *error);
/* NULL is ignored. */
void seep_subsystem_rules_free(struct seep_subsystem_rules *rules);

/* Gives sites and threads without a subsystem the one that the rules name: before the
 * recording is judged.
 *
 * rules:      borrowed; NULL does nothing.
 * recording:  changed; the names are added to its subsystems.
 * symbolizer: of this recording.
 * Returns: 0; -ENOMEM. Cost: O(sites x frames + nodes x rules), symbols only where a rule
 *   asks for functions or sources.
 */
int seep_subsystem_rules_apply(const struct seep_subsystem_rules *rules,
                               struct seep_recording *recording,
                               struct seep_symbolizer *symbolizer);

#endif
