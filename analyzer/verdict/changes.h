/* What changed between two runs: all that a renderer may show, nothing of how it was
 * found (that is analyzer/diff).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SEEP_ANALYZER_VERDICT_CHANGES_H
#define SEEP_ANALYZER_VERDICT_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

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

/* Growth with its range of 95 %, in bytes (heap, mappings) or resources. */
struct seep_diff_rate {
    double per_s, low_per_s, high_per_s; /* infinite: nothing is known */
};

/* What is live over a whole run, thinned; in the unit of the rates. */
struct seep_diff_curve {
    double *values; /* owned by the diff; NULL when the run never reached the site */
    size_t count;
    double from_s, to_s;
};

struct seep_diff_entry {
    enum seep_change change;
    double confidence;                       /* 0 to 1, that the two runs differ */
    const struct seep_finding *base, *fresh; /* borrowed; one of them may be NULL */
    bool matched;                            /* the site is in both recordings */
    bool of_bytes;                           /* unit of rates and curves */
    struct seep_diff_rate base_rate, fresh_rate;
    struct seep_diff_curve curves[2]; /* BASE, NEW */
    const char *why;                  /* of UNSURE: what is missing; "" else */
};

/* How much each of two runs did, in units that both have. */
struct seep_diff_work {
    bool known;
    const char *what; /* a mark's label, or the busiest site's function; "" unknown */
    bool by_mark;
    double base_per_s, fresh_per_s; /* > 0 when known */
    size_t busy[2]; /* the busiest site of both runs, of the recordings; 0: none */
};

struct seep_diff {
    struct seep_diff_entry *entries; /* owned; by change, then the worst first */
    size_t count;
    size_t of_change[SEEP_CHANGE_SAME + 1];
    enum seep_diff_per per;     /* as it was compared: by time when no work is known */
    struct seep_diff_work work; /* its text is the symbolizer's or the recording's */
};

/* Thread-safety of all: pure. */
const char *seep_change_name(enum seep_change change);
/* New, worse, better or gone: what a reader may act on. */
bool seep_change_is_told(const struct seep_diff_entry *entry);
/* The finding that speaks for an entry: NEW's, else BASE's. Never NULL. */
const struct seep_finding *seep_change_finding(const struct seep_diff_entry *entry);
/* How many entries are told. */
size_t seep_change_count(const struct seep_diff *diff);

#endif
