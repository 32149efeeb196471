/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_GROWTH_SCAN_H
#define SEEP_ANALYZER_VERDICT_GROWTH_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"
#include "series/series.h"
#include "series/window.h"
#include "trend/theil_sen.h"
#include "verdict/caller_group.h"
#include "verdict/growth_verdict.h"

/* One site that is not stable, or several below one caller. */
struct seep_growth_site {
    uint32_t site;                         /* of a group: its first */
    const struct seep_caller_group *group; /* borrowed of the list; NULL: one site */
    enum seep_verdict verdict;             /* BOUNDED or worse */
    bool breaks_limit; /* that the program declared (declared_limit.h) */
    struct seep_growth_case evidence;
};

struct seep_growth_sites {
    struct seep_growth_site *sites; /* owned; ascending by site, groups after them */
    size_t count;
    size_t tested;                /* sites and groups with enough activity to be judged */
    struct seep_caller_tree tree; /* owned */
    struct seep_caller_group *groups; /* owned; one for each of the tree's branches */
};
void seep_growth_sites_fini(struct seep_growth_sites *sites);

enum { SEEP_SNAPSHOTS_NEEDED = 20 };
static const double SEEP_WINDOW_SECONDS_NEEDED = 10;

/* Why growth cannot be judged in this window, in words; NULL when it can. Thread-safety:
 * pure. */
const char *seep_growth_too_little(const struct seep_recording *recording,
                                   const struct seep_window *window);

/* Judges all sites of one kind, and those below one caller together, and keeps those that
 * are not stable.
 *
 * series:   borrowed, of this recording; contents are lost.
 * out:      untouched on error; seep_growth_sites_fini. Empty when the data is too
 * little. Returns: 0; -ENOMEM. Allocates: yes. Cost: O(sites x snapshots).
 */
int seep_growth_scan(const struct seep_recording *recording,
                     const struct seep_window *window, enum seep_kind kind,
                     struct seep_series *series, struct seep_growth_sites *out);

/* Slopes of a series in the window, thinned to SEEP_SLOPE_POINTS_MAX points. All zero
 * when there are too few points or no memory. */
enum { SEEP_SLOPE_POINTS_MAX = 200 };
struct seep_slope seep_growth_slope(const struct seep_window *window, const double *t_s,
                                    const double *values);

#endif
