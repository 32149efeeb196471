/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_DIFF_DIFF_H
#define SEEP_ANALYZER_DIFF_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include "diff/diff_work.h"
#include "load/recording.h"
#include "load/symbol.h"
#include "verdict/findings.h"

enum seep_change {
    SEEP_CHANGE_NEW = 1,    /* grows now, did not before */
    SEEP_CHANGE_WORSE = 2,  /* grows faster */
    SEEP_CHANGE_BETTER = 3, /* grows more slowly */
    SEEP_CHANGE_GONE = 4,   /* grew before, does not now */
    SEEP_CHANGE_UNSURE = 5, /* a finding of one run, which the other cannot contradict */
    SEEP_CHANGE_SAME = 6    /* grows in both runs alike */
};

/* By what growth is divided. */
enum seep_diff_per {
    SEEP_PER_BOTH = 0, /* a change counts when time and operations both say so */
    SEEP_PER_TIME = 1,
    SEEP_PER_OPERATION = 2
};

/* One run, judged. All borrowed; they outlive the diff. */
struct seep_diff_side {
    const struct seep_recording *recording;
    struct seep_symbolizer *symbolizer;
    const struct seep_findings *findings;
};

/* Growth with its range of 95 %, in bytes (heap, mappings) or resources. */
struct seep_diff_rate {
    double per_s, low_per_s, high_per_s; /* infinite: nothing is known */
};

struct seep_diff_entry {
    enum seep_change change;
    double confidence;                       /* 0 to 1, that the two runs differ */
    const struct seep_finding *base, *fresh; /* borrowed; one of them may be NULL */
    bool matched;                            /* the site is in both recordings */
    bool of_bytes;                           /* unit of the rates */
    struct seep_diff_rate base_rate, fresh_rate;
    const char *why; /* of UNSURE: what is missing; "" else */
};

struct seep_diff {
    struct seep_diff_entry *entries; /* owned; by change, then the worst first */
    size_t count;
    size_t of_change[SEEP_CHANGE_SAME + 1];
    enum seep_diff_per per;     /* as it was compared: by time when no work is known */
    struct seep_diff_work work; /* its text is the symbolizer's or the recording's */
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

const char *seep_change_name(enum seep_change change);

/* The worst verdict of what is new or worse; SEEP_VERDICT_NONE when nothing is. */
enum seep_verdict seep_diff_worst(const struct seep_diff *diff);

#endif
