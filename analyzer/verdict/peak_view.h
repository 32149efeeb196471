/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_PEAK_VIEW_H
#define SEEP_ANALYZER_VERDICT_PEAK_VIEW_H

#include "verdict/finding_list.h"

/* Fills findings->peak: when the heap was largest, and the sites that held most of it.
 * Returns: 0; -ENOMEM. */
int seep_peak_view_fill(struct seep_analysis *analysis);

#endif
