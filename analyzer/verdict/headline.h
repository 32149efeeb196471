/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_HEADLINE_H
#define SEEP_ANALYZER_VERDICT_HEADLINE_H

#include "verdict/findings.h"

/* Fills headline and through from kind and stack.
 *
 * Of heap, the headline is the first function that is neither the runtime's nor an
 * allocation wrapper; of threads, the first that is not a wrapper for starting threads
 * either, and `through` is the outermost such wrapper passed over. Where the function is
 * a system library's, or has no name, the program's nearest named caller is said too.
 *
 * Thread-safety: owner thread of findings.
 */
void seep_headline_fill(struct seep_findings *findings, struct seep_finding *finding);

/* What the sampled threads are called: the name they share ("auth-cleanup"), or what
 * their names begin with ("worker-*"); "" when they have nothing in common. Text in
 * findings. */
const char *seep_headline_threads(struct seep_findings *findings,
                                  const struct seep_finding *finding);

#endif
