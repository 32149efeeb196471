/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_CALLER_SETTLE_H
#define SEEP_ANALYZER_VERDICT_CALLER_SETTLE_H

#include "verdict/finding_list.h"
#include "verdict/growth_scan.h"

/* Decides which groups are findings: those that are leave the list without their sites,
 * the others leave it. An accepted group has its members filled in.
 *
 * analysis: findings on threads and descriptors are in it already: heap that belongs to
 *           them is no member.
 * sites:    of seep_growth_scan; ascending by site, groups after them.
 * Returns: 0; -ENOMEM. Cost: O(sites of the groups x (log sites + findings)). */
int seep_caller_groups_settle(struct seep_analysis *analysis,
                              struct seep_growth_sites *sites);

#endif
