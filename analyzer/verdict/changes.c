/* Words and questions about changes that more than one renderer has.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/changes.h"

const char *seep_change_name(enum seep_change change)
{
    static const char *const names[] = {"none", "new",    "worse", "better",
                                        "gone", "unsure", "same"};

    return names[change];
}

bool seep_change_is_told(const struct seep_diff_entry *entry)
{
    return entry->change <= SEEP_CHANGE_GONE;
}

const struct seep_finding *seep_change_finding(const struct seep_diff_entry *entry)
{
    return entry->fresh != NULL ? entry->fresh : entry->base;
}

size_t seep_change_count(const struct seep_diff *diff)
{
    return diff->of_change[SEEP_CHANGE_NEW] + diff->of_change[SEEP_CHANGE_WORSE] +
           diff->of_change[SEEP_CHANGE_BETTER] + diff->of_change[SEEP_CHANGE_GONE];
}
