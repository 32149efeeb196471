/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_GROWTH_EVIDENCE_H
#define SEEP_ANALYZER_VERDICT_GROWTH_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "load/recording.h"
#include "series/series.h"
#include "series/window.h"
#include "verdict/growth_verdict.h"

/* Everything about one site's growth but its ages and its q-value.
 *
 * series:   of this recording; the site's own afterwards, or as before.
 * evidence: out; all zero but for the kind before.
 * Returns: whether it was active enough to be tested; evidence says nothing otherwise.
 * Thread-safety: pure but for series and evidence. Cost: O(points), of an active site
 * O(snapshots).
 */
bool seep_growth_evidence_of_site(const struct seep_recording *recording,
                                  const struct seep_window *window,
                                  struct seep_series *series, uint32_t id,
                                  struct seep_growth_case *evidence);

/* The part of it that is made of the curves alone: count and bytes. evidence->kind is
 * set. Returns: 0; -ENOMEM. Thread-safety: pure. */
int seep_growth_evidence_of_series(const struct seep_series *series,
                                   const struct seep_window *window,
                                   struct seep_growth_case *evidence);

#endif
