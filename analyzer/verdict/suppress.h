/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_SUPPRESS_H
#define SEEP_ANALYZER_VERDICT_SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "verdict/findings.h"

/* Findings that somebody has looked at and does not want to hear of. One rule a line:
 *
 *     # a comment
 *     leak:PATTERN                 any finding with such a frame; LeakSanitizer's syntax
 *     heap:PATTERN                 the same for one kind: heap, mapping, thread, fd,
 * timer finding:ID                   one finding, by the id in reports
 *
 * each followed, where wanted, by ` expires:YYYY-MM-DD` and by ` reason:TEXT` (in this
 * order; the text goes to the end of the line). PATTERN is looked for in the function,
 * the module's path and the source path of every frame (base/glob.h). An expired rule
 * suppresses nothing any more; it holds through its day, UTC, by the recording's own
 * start: a report does not change with the day on which it is read.
 */
struct seep_suppressions;

/* Reads a file of rules.
 *
 * path:     borrowed. out: owned (seep_suppressions_free); untouched on error.
 * error:    out; "FILE:LINE: what, what to write instead".
 * Returns:  0; -EINVAL a line that is no rule; errno of open and read; -EFBIG; -ENOMEM.
 * Allocates: yes. Cost: O(file).
 */
int seep_suppressions_open(const char *path, struct seep_suppressions **out,
                           struct seep_error *error);
/* The same over bytes in memory, borrowed during the call. name: the path in messages. */
int seep_suppressions_parse(const char *name, const char *bytes, size_t len_bytes,
                            struct seep_suppressions **out, struct seep_error *error);
/* NULL is ignored. */
void seep_suppressions_free(struct seep_suppressions *suppressions);
size_t seep_suppressions_count(const struct seep_suppressions *suppressions);

/* Whether a rule takes a finding that is not in the list, a member of a group; what the
 * rules met is kept in findings->suppressed for seep_suppressions_apply.
 *
 * rules: borrowed; NULL takes nothing. finding: its kind, id and stack are read.
 * Cost: O(frames x rules). */
bool seep_suppressions_take(const struct seep_suppressions *rules,
                            struct seep_findings *findings,
                            const struct seep_finding *finding);

/* Takes suppressed findings, and those with members_suppressed, out of
 * findings->findings, counts them in findings->suppressed, and names the expired rules
 * there that would have suppressed something.
 *
 * suppressions: borrowed; NULL does nothing.
 * Returns: 0; -ENOMEM. Cost: O(findings x frames x rules).
 */
int seep_suppressions_apply(const struct seep_suppressions *suppressions,
                            struct seep_findings *findings);

/* Appends a file of rules that suppresses the findings, bounded ones aside.
 * out: out->failed when memory is out. */
void seep_suppressions_suggest(const struct seep_findings *findings,
                               struct seep_buf *out);

#endif
