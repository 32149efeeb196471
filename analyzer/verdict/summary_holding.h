/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_SUMMARY_HOLDING_H
#define SEEP_ANALYZER_VERDICT_SUMMARY_HOLDING_H

#include "verdict/findings.h"

/* The sentences on descriptors, timers and mappings. The finding's other fields are
 * filled already. Returns: text owned by findings; never NULL. Thread-safety: owner
 * thread of findings. */
const char *seep_summary_holding_growth(struct seep_findings *findings,
                                        const struct seep_finding *finding);
const char *seep_summary_holding_bounded(struct seep_findings *findings,
                                         const struct seep_finding *finding);
const char *seep_summary_holding_at_exit(struct seep_findings *findings,
                                         const struct seep_finding *finding);

/* What resources of a kind are called: "descriptor" or "descriptors". */
const char *seep_summary_noun(enum seep_kind kind, uint64_t n);

#endif
