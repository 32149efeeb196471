/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_CALLER_GROUP_H
#define SEEP_ANALYZER_VERDICT_CALLER_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"
#include "series/series.h"
#include "series/window.h"
#include "verdict/caller_tree.h"
#include "verdict/growth_verdict.h"

/* All sites below one call, judged as if they were one. */
struct seep_caller_member {
    uint32_t site;
    double rise, rise_bytes; /* in the window */
};
struct seep_caller_group {
    uint32_t node;
    const uint32_t *sites; /* borrowed of the tree */
    size_t count;
    bool mostly_rises;                  /* see caller_tree.h */
    struct seep_caller_member *members; /* owned; NULL until the group is a finding; most
                                           rise first */
    size_t member_count;
    bool suppressed; /* rules take every member */
};

/* Whether the heap's sites of a recording are looked at in groups: other kinds have few
 * sites, and each of them weighs. */
static inline bool seep_caller_groups_wanted(enum seep_kind kind)
{
    return kind == SEEP_KIND_HEAP;
}

/* The evidence on the sum of a branch's sites but for its q-value.
 *
 * series:  borrowed; contents are the sum afterwards.
 * Returns: whether it was active enough to be tested.
 * Cost: O(sites x snapshots). */
bool seep_caller_group_measure(const struct seep_recording *recording,
                               const struct seep_window *window,
                               const struct seep_caller_group *group,
                               struct seep_series *series,
                               struct seep_growth_case *evidence);

#endif
