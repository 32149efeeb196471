/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_DIFF_DIFF_WORK_H
#define SEEP_ANALYZER_DIFF_DIFF_WORK_H

#include <stddef.h>

#include "diff/site_table.h"
#include "load/recording.h"
#include "series/window.h"
#include "verdict/changes.h"

/* Marks where both runs set the same one ten times or more while they were judged; else
 * the acquisitions of the heap site that is busiest in both; `busy` is that site in any
 * case.
 *
 * pair: of seep_site_match. Thread-safety: pure. Allocates: no. Cost: O(sites + marks^2).
 */
struct seep_diff_work seep_diff_work_of(const struct seep_recording *const recordings[2],
                                        const struct seep_window windows[2],
                                        const struct seep_site_table tables[2],
                                        const size_t *pair);

#endif
