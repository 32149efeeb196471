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
/* For threads that were there for most of the run and ended on its way out. */
const char *seep_summary_unjoined_at_exit(struct seep_findings *findings,
                                          const struct seep_finding *finding,
                                          size_t count);
const char *seep_summary_thread_at_exit(struct seep_findings *findings,
                                        const struct seep_finding *finding,
                                        size_t running);
/* The same where none may be left. */
const char *seep_summary_thread_left(struct seep_findings *findings,
                                     const struct seep_finding *finding, size_t running);
const char *seep_summary_left_at_exit(struct seep_findings *findings,
                                      const struct seep_finding *finding);

/* The unit of time in which all rates of one finding are said: the shortest in which the
 * count, or where that does not rise its bytes, reach a number from one (a KiB) on. */
struct seep_summary_period {
    double seconds;
    const char *name, *unit; /* "minute", "min" */
};
const struct seep_summary_period *seep_summary_period(double per_s, double bytes_per_s);
/* How fast a finding grows, in the unit that its sentences use: of time, or of work where
 * the growth keeps pace with that. */
struct seep_summary_rate {
    double count, bytes; /* per that unit */
    const char *per;     /* "minute", "1,000 http requests"; owned by findings */
};
struct seep_summary_rate seep_summary_rate(struct seep_findings *findings,
                                           const struct seep_finding *finding);
/* "hub.c:120", where the function that answers for a finding acquires; "" unknown. */
const char *seep_summary_place(struct seep_findings *findings,
                               const struct seep_finding *finding);
/* The same into a buffer; cut there. Thread-safety: pure. */
enum { SEEP_SUMMARY_PLACE_BYTES = 1024 };
void seep_summary_place_put(const struct seep_finding *finding, char *out,
                            size_t out_bytes);
/* "1.2", "120": one decimal where it matters. Returns: out. */
const char *seep_summary_number(char *out, size_t out_bytes, double number);

#endif
