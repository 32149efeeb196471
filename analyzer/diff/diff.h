/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_DIFF_DIFF_H
#define SEEP_ANALYZER_DIFF_DIFF_H

#include "load/recording.h"
#include "load/symbol.h"
#include "verdict/changes.h"

/* One run, judged. All borrowed; they outlive the diff. */
struct seep_diff_side {
    const struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    const struct seep_findings *findings;
};

/* Compares two runs by what was found in either (suspect and worse).
 *
 * NEW needs a finding of the fresh run, and growth there whose range lies above that of
 * the base run; WORSE and BETTER findings of both, ranges apart, and a quarter of
 * difference at least; GONE the mirror of NEW.
 *
 * base, fresh: borrowed. out: untouched on error; release with seep_diff_fini.
 * Returns: 0; -ENOMEM. Allocates: yes. Cost: O(sites' frames) when anything was found,
 *   else nothing.
 */
int seep_diff_make(const struct seep_diff_side *base, const struct seep_diff_side *fresh,
                   enum seep_diff_per per, struct seep_diff *out);
void seep_diff_fini(struct seep_diff *diff);

/* The worst verdict of what is new or worse; SEEP_VERDICT_NONE when nothing is. */
enum seep_verdict seep_diff_worst(const struct seep_diff *diff);

#endif
