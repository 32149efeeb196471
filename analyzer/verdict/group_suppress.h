/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_GROUP_SUPPRESS_H
#define SEEP_ANALYZER_VERDICT_GROUP_SUPPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verdict/caller_group.h"
#include "verdict/finding_list.h"
#include "verdict/growth_scan.h"

/* Which sites suppression rules take, asked once each. */
struct seep_site_rules {
    uint8_t *answers; /* owned; by site: 0 not asked, 1 kept, 2 taken; NULL: no rules */
};
/* Returns: 0; -ENOMEM. Free with seep_site_rules_fini. */
int seep_site_rules_init(const struct seep_analysis *analysis,
                         struct seep_site_rules *out);
void seep_site_rules_fini(struct seep_site_rules *rules);

/* Takes out of a group the members that rules take, by their own stacks, and judges what
 * is left anew; where rules take all of them, group->suppressed is set and nothing else
 * changes.
 *
 * entry:   of the group; its evidence and verdict are those of the rest afterwards.
 * members, count: in and out, borrowed; those that rise.
 * Returns: 0; -ENOMEM. Cost: O(members x (frames + snapshots)). */
int seep_group_suppress(struct seep_analysis *analysis, struct seep_site_rules *rules,
                        const struct seep_growth_sites *sites,
                        struct seep_growth_site *entry,
                        struct seep_caller_member *members, size_t *count);

#endif
