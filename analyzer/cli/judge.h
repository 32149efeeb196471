/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_CLI_JUDGE_H
#define SEEP_ANALYZER_CLI_JUDGE_H

#include "base/error.h"
#include "load/recording.h"
#include "load/symbol.h"
#include "verdict/subsystem_rules.h"
#include "verdict/suppress.h"
#include "verdict/verdict.h"

/* The user's files of rules. All-zero: none. */
struct seep_judge_rules {
    struct seep_suppressions *suppressions;  /* owned */
    struct seep_subsystem_rules *subsystems; /* owned */
};

/* Reads them; a path that is NULL leaves its member NULL.
 * Returns: 0; negative errno with *error set, *rules all zero. */
int seep_judge_rules_open(const char *suppress, const char *subsystems,
                          struct seep_judge_rules *rules, struct seep_error *error);
void seep_judge_rules_close(struct seep_judge_rules *rules);

/* A recording judged, with everything that the findings borrow from. */
struct seep_judged {
    struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    struct seep_findings *findings;
};

/* Reads and judges a recording under the rules (the options' own suppressions are not
 * used).
 *
 * judged:  out, owned (seep_judged_fini).
 * Returns: 0; negative errno with *error set; *judged is all zero then.
 */
int seep_judge(const char *path, const struct seep_verdict_options *options,
               const struct seep_judge_rules *rules, struct seep_judged *judged,
               struct seep_error *error);
void seep_judged_fini(struct seep_judged *judged);

#endif
