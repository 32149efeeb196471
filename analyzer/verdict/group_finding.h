/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_GROUP_FINDING_H
#define SEEP_ANALYZER_VERDICT_GROUP_FINDING_H

#include <stdbool.h>

#include "verdict/finding_list.h"
#include "verdict/growth_scan.h"

/* Whether the function that answers for a group is one that a person can look at: not
 * main, nor unknown start code. group: with its members. Cost: O(members named). */
bool seep_group_finding_is_specific(struct seep_analysis *analysis,
                                    const struct seep_caller_group *group);

/* Adds the finding on a group but for its growth: stack from the common function
 * outwards, headline, members, evidence of their sum, which analysis->series holds
 * afterwards.
 *
 * acquired, released: out, borrowed; the sum over time, one value per snapshot.
 * out:     the new finding, valid until the next addition.
 * Returns: 0; -ENOMEM. Cost: O(members x snapshots). */
int seep_group_finding_add(struct seep_analysis *analysis,
                           const struct seep_growth_site *site, double *acquired,
                           double *released, struct seep_finding **out);

#endif
