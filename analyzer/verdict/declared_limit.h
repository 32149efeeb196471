/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_DECLARED_LIMIT_H
#define SEEP_ANALYZER_VERDICT_DECLARED_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "series/series.h"
#include "series/window.h"
#include "verdict/finding.h"
#include "verdict/growth_verdict.h"

/* Of a window's snapshots the last tenth, and three at least, have to be above a limit:
 * an entry is often added before the oldest one is dropped, and a limit that was lowered
 * takes effect with the next entry. Own choice. */
enum { SEEP_LIMIT_LAST_PART = 10, SEEP_LIMIT_LAST_MIN = 3 };

/* Whether more entries are alive at the window's end, and have been for some time, than
 * the program declared for the site's container. In a sampled recording the error of the
 * estimate speaks for the program. false without a declared limit.
 *
 * series: scratch; the site's own afterwards where it has a limit.
 * Thread-safety: pure but for series. Cost: O(snapshots) for a site with a limit. */
bool seep_declared_limit_is_broken(const struct seep_recording *recording,
                                   const struct seep_window *window,
                                   struct seep_series *series, uint32_t site);

/* What is said of a site, the curve's verdict being `by_curve`, and whether the limit is
 * broken: what grows in number below a declared limit is bounded. A limit of entries says
 * nothing of their size, so growth in bytes alone is judged by the curve. Pure. */
enum seep_verdict seep_declared_limit_verdict(const struct seep_recording *recording,
                                              uint32_t site, bool is_broken,
                                              const struct seep_growth_case *evidence,
                                              enum seep_verdict by_curve);

/* The limit of a site for a finding; container NULL: none. Borrows from recording. */
struct seep_view_limit seep_declared_limit_view(const struct seep_recording *recording,
                                                uint32_t site, bool is_broken);

#endif
