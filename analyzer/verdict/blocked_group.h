/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_BLOCKED_GROUP_H
#define SEEP_ANALYZER_VERDICT_BLOCKED_GROUP_H

#include "verdict/finding_list.h"

/* Where the running threads of a creation site are blocked, when nearly all of them are
 * at one place: "34 of 35 wait in serve (hub.c:12) for the mutex 0x5500, thread 17 holds
 * it", "... in read_reply (link.c:9): read of pipe:[17]", "... for a semaphore each".
 *
 * Returns: owned by the findings; "" when they are not at one place, or nobody knows.
 * Cost: O(threads + waits * probes of the site).
 */
const char *seep_blocked_group_words(struct seep_analysis *analysis, uint32_t site);

#endif
