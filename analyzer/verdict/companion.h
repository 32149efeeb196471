/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_COMPANION_H
#define SEEP_ANALYZER_VERDICT_COMPANION_H

#include <stdint.h>

#include "verdict/finding_list.h"

/* The finding on threads or descriptors that a heap site belongs to: memory that the C
 * library's pthread_create or fopen acquired for one of the same creation stack and
 * subsystem, and that comes and goes with it. NULL: the heap site stands for itself.
 *
 * site: id of a heap site, in range. Returns: borrowed, valid until the next addition.
 * Thread-safety: owner thread. Cost: O(findings + frames).
 */
struct seep_finding *seep_companion_owner(struct seep_analysis *analysis, uint32_t site);

/* Takes out the findings on such heap. Call when the findings on threads are there. */
void seep_companions_drop(struct seep_analysis *analysis);

/* Fills companion_sites and companion_bytes of the findings on threads, from what is live
 * at the end. Call once, when all findings are there. Cost: O(sites x findings). */
void seep_companions_count(struct seep_analysis *analysis);

#endif
