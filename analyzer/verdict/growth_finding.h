/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_GROWTH_FINDING_H
#define SEEP_ANALYZER_VERDICT_GROWTH_FINDING_H

#include "verdict/finding_list.h"
#include "verdict/growth_scan.h"

enum { SEEP_BOUNDED_FINDINGS_MAX = 10 }; /* of one kind; the largest */

/* Turns judged sites into findings with slopes, their intervals and a forecast.
 * Returns: 0; -ENOMEM. Cost: O(findings x points^2). */
int seep_growth_findings_add(struct seep_analysis *analysis,
                             const struct seep_growth_sites *sites);

/* Forecast of a finding whose slopes are filled in. limit stays NULL when none is known
 * or near. slopes: of the count and of the bytes. Thread-safety: pure. */
struct seep_view_forecast seep_growth_forecast(const struct seep_recording *recording,
                                               enum seep_kind kind,
                                               struct seep_slope count,
                                               struct seep_slope bytes);

#endif
