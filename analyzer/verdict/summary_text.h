/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_SUMMARY_TEXT_H
#define SEEP_ANALYZER_VERDICT_SUMMARY_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "verdict/findings.h"

/* One sentence that a person can act on, for each cause. The finding's other fields are
 * filled already. Returns: text owned by findings; never NULL. Thread-safety: owner
 * thread of findings. */
const char *seep_summary_growth(struct seep_findings *findings,
                                const struct seep_finding *finding);
const char *seep_summary_unjoined(struct seep_findings *findings,
                                  const struct seep_finding *finding, size_t count,
                                  uint64_t stack_bytes);
const char *seep_summary_thread_at_exit(struct seep_findings *findings,
                                        const struct seep_finding *finding,
                                        size_t running);
const char *seep_summary_left_at_exit(struct seep_findings *findings,
                                      const struct seep_finding *finding);

/* "2.0 per second", "12 per minute", "3.4 per hour": the unit that gives a number from
 * one on. */
const char *seep_summary_rate(char *out, size_t out_bytes, double per_s);
/* "1.2 MiB per second" ... per hour, the unit that gives at least a KiB. */
const char *seep_summary_rate_bytes(char *out, size_t out_bytes, double bytes_per_s);

#endif
