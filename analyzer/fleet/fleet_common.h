/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_FLEET_COMMON_H
#define SEEP_ANALYZER_FLEET_FLEET_COMMON_H

#include <stddef.h>
#include <stdint.h>

#include "fleet/fleet_table.h"
#include "trend/fisher.h"

/* One value of one label of --group, of the units that have a site. */
struct seep_fleet_share {
    size_t site;                  /* the caller's number of it */
    size_t group;                 /* 0: the first of --group */
    uint32_t value;               /* text; of "" nothing is said */
    struct seep_two_groups units; /* marked: those that grow */
    double p, q;
};

/* Values that the units of one site have, with how many of each grow. Values of fewer
 * than SEEP_FLEET_SHARE_LEAST units are left out, and those of all units: neither can
 * say anything. A filter that does not look at what grows.
 *
 * rows:    borrowed; the n rows of one site, one for each unit.
 * filter:  only units that have filter->value of filter->group; NULL: all.
 * out:     owned by the caller, appended to: *count of *capacity; q is not filled.
 * Returns: 0; -ENOMEM. Cost: O(groups x n log n). */
struct seep_fleet_rows {
    const struct seep_fleet_row *rows;
    size_t count;
    size_t group_count;
    size_t site; /* what out->site becomes */
};
struct seep_fleet_shares {
    struct seep_fleet_share *shares; /* owned */
    size_t count, capacity;
};
enum { SEEP_FLEET_SHARE_LEAST = 3 };
int seep_fleet_shares_add(const struct seep_fleet_table *table,
                          const struct seep_fleet_rows *rows,
                          const struct seep_fleet_share *filter,
                          struct seep_fleet_shares *out);
void seep_fleet_shares_fini(struct seep_fleet_shares *shares);

/* Fills in q, over all shares: Benjamini and Hochberg. Returns: 0; -ENOMEM. */
int seep_fleet_shares_settle(struct seep_fleet_shares *shares);

/* How much more often units with the value grow than units do: 1 for no difference. */
double seep_fleet_lift(const struct seep_fleet_share *share);

#endif
