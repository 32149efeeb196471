/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_CALLER_TREE_H
#define SEEP_ANALYZER_VERDICT_CALLER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"
#include "series/window.h"

/* When the sites below one caller are looked at together. docs/statistics.md has each. */
enum {
    SEEP_CALLER_SITES_MIN = 3,            /* that rise in the window */
    SEEP_CALLER_SITES_MAX = 1000,         /* below it; more is no single place */
    SEEP_CALLER_BRANCHES_MAX = 256,       /* the fastest growing */
    SEEP_CALLER_READ_MAX = 5000,          /* series of sites read for all of them */
    SEEP_CALLER_KEPT_BYTES_MIN = 64 << 10 /* beside traffic */
};
static const double SEEP_CALLER_RISING_MIN = 0.5; /* of the sites that did anything */
static const double SEEP_CALLER_KEPT_MIN = 0.9; /* of what a site took, to keep it all */
static const double SEEP_CALLER_COVERED_MAX =
    0.9; /* of the rise below one callee: then that is the place */

/* What the sites below a call did in the window. All zero: no site yet. */
struct seep_caller_tally {
    uint32_t active, rising;   /* sites that acquired; that have more than before */
    uint32_t changed, keepers; /* that have more or less; that keep all they take */
    float kept_bytes;          /* of the keepers */
};
/* first, last: the site's counters at the window's ends. */
void seep_caller_tally_site(struct seep_caller_tally *tally,
                            const struct seep_counters *first,
                            const struct seep_counters *last);
/* Whether most of what is done below it rises; or, beside traffic that leaves everything
 * as it was, most of what changes keeps all that it takes, and that is much. */
bool seep_caller_mostly_rises(const struct seep_caller_tally *tally);

/* A call below which the sites may be one finding: `node` is the place of the call, what
 * answers is the function called. */
struct seep_caller_branch {
    uint32_t node;
    size_t first, count; /* its sites: order[first .. first + count) */
    double rise;         /* of those that rise, in resources */
    bool mostly_rises;   /* most of the sites that did anything do */
};

struct seep_caller_tree {
    uint32_t *order; /* owned; sites of the kind; those below one node side by side */
    size_t count;
    struct seep_caller_branch *branches; /* owned; most rise first */
    size_t branch_count;
};

/* Looks for callers below which several sites rise, most of them all or each by `least`,
 * and no single callee has nearly all of it. The outermost function of a stack (main, a
 * thread's start routine) is never one.
 *
 * least:   the rise that is worth it.
 * out:     untouched on error; seep_caller_tree_fini. All empty without a branch.
 * Returns: 0; -ENOMEM. Allocates: yes. Cost: O(nodes + sites log points).
 */
int seep_caller_tree_init(const struct seep_recording *recording,
                          const struct seep_window *window, enum seep_kind kind,
                          double least, struct seep_caller_tree *out);
void seep_caller_tree_fini(struct seep_caller_tree *tree);

#endif
