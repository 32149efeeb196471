/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_DIFF_SITE_MATCH_H
#define SEEP_ANALYZER_DIFF_SITE_MATCH_H

#include <stddef.h>
#include <stdint.h>

#include "seep/kinds.h"

/* Whose code a frame is; its weight in a comparison. */
enum seep_match_weight {
    SEEP_MATCH_RUNTIME = 1,
    SEEP_MATCH_LIBRARY = 2,
    SEEP_MATCH_PROGRAM = 4
};

struct seep_match_frame {
    const char *function; /* "??" unknown */
    const char *module;   /* base name */
    const char *build_id; /* "" none */
    uint64_t offset;
    uint32_t line; /* 0 unknown */
    enum seep_match_weight weight;
};

/* One site of one build. All borrowed. */
struct seep_match_site {
    enum seep_kind kind;
    const char *subsystem;
    const struct seep_match_frame *frames; /* innermost first, with inlined ones */
    size_t frame_count;
    double acquired_per_s; /* tells apart what names do not */
};

/* The same for all sites of one kind and subsystem whose functions and modules are the
 * same, in one build or in two: calls from several places of one function. Thread-safety:
 * pure.
 */
uint64_t seep_site_key(const struct seep_match_site *site);

/* How alike two stacks are: 0 (nothing in common) to 1 (the same functions in the same
 * modules). Frames that only one of them has (a function inlined, a wrapper added) cost
 * their weight. Thread-safety: pure. Allocates: no. Cost: O(64 x 64) names at most.
 */
double seep_site_likeness(const struct seep_match_site *a,
                          const struct seep_match_site *b);

/* Which site of one build is which of another.
 *
 * First, sites whose functions and modules are all the same; where there are several such
 * (two allocations in one function), they keep their order in the source, and those pair
 * that moved least and that are used as much. Then what is left, by likeness.
 *
 * base, fresh: borrowed. pair: out; for each fresh site the index of its base site, or
 * SEEP_MATCH_NONE; no base site twice. Untouched on error.
 * Returns: 0; -ENOMEM. Allocates: yes. Cost: O(frames log frames); sites left over are
 *   compared with the 8 that have most of their rarer functions in common.
 */
#define SEEP_MATCH_NONE SIZE_MAX
int seep_site_match(const struct seep_match_site *base, size_t base_count,
                    const struct seep_match_site *fresh, size_t fresh_count,
                    size_t *pair);

#endif
