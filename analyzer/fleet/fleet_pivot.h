/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_FLEET_PIVOT_H
#define SEEP_ANALYZER_FLEET_FLEET_PIVOT_H

#include <stddef.h>
#include <stdint.h>

#include "fleet/fleet_common.h"
#include "fleet/fleet_table.h"

enum {
    SEEP_FLEET_COMMON_MAX = 4,
    SEEP_FLEET_WORST_MAX = 3,
    SEEP_FLEET_DEFINITE_UNITS = 5, /* that grow, of one value */
    SEEP_FLEET_REPEATED_UNITS = 3, /* that grow, of any: more than one coincidence */
    SEEP_FLEET_MANY_UNITS = 10     /* so many that chance alone flags one now and then */
};
/* Of healthy series, how many the growth verdict flags at most: docs/statistics.md. */
static const double SEEP_FLEET_FALSE_SHARE = 0.02;
static const double SEEP_FLEET_Q_COMMON = 0.01;
static const double SEEP_FLEET_P_REPEATED = 0.001;
static const double SEEP_FLEET_P_CHANCE = 0.01;
static const double SEEP_FLEET_SHARE_ALIKE = 0.9;    /* grow: one load explains it */
static const double SEEP_FLEET_SHARE_DEFINITE = 0.5; /* of a value's units grow */

/* What is said of a label's value. */
enum seep_fleet_common_kind {
    SEEP_FLEET_COMMON_BEST = 1,   /* the strongest */
    SEEP_FLEET_COMMON_SAME = 2,   /* on just the same instances as that */
    SEEP_FLEET_COMMON_WITHIN = 3, /* among the instances with the strongest */
    /* The others do not have the place: code of one version. They bear the load, but not
     * there: it is said where it grows, and raises no verdict. */
    SEEP_FLEET_COMMON_ONLY = 4
};
struct seep_fleet_common {
    enum seep_fleet_common_kind kind;
    struct seep_fleet_share share;
};

struct seep_fleet_finding {
    uint32_t site;
    enum seep_verdict verdict;
    enum seep_verdict worst; /* of its instances, each alone */
    bool of_bytes;
    size_t seen, judged, growing; /* units */
    size_t absent;                /* units that were judged, and do not have the site */
    double chance;                /* that so many are flagged with no leak at all */
    struct seep_fleet_common common[SEEP_FLEET_COMMON_MAX]; /* the strongest first */
    size_t common_count;
    double median_per_s, low_per_s, high_per_s; /* of the growing; quartiles */
    double total_per_s, total_live;             /* of the growing */
    struct seep_fleet_row fastest[SEEP_FLEET_WORST_MAX];
    size_t fastest_count;
};

struct seep_fleet_findings {
    struct seep_fleet_finding *findings; /* owned; worst first */
    size_t count;
    size_t quiet_sites; /* none of their instances grows */
};
void seep_fleet_findings_fini(struct seep_fleet_findings *findings);

/* Which sites grow, where, and what those have in common.
 *
 * table:   borrowed; settled.
 * Returns: 0; -ENOMEM. Cost: O(rows log rows). */
int seep_fleet_pivot(const struct seep_fleet_table *table, size_t group_count,
                     struct seep_fleet_findings *out);

#endif
