/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_TARGET_GROUPS_H
#define SEEP_ANALYZER_VERDICT_TARGET_GROUPS_H

#include <stddef.h>

#include "load/recording.h"
#include "verdict/findings.h"

/* What descriptors have in common: "TCP to 127.0.0.1:3000 in CLOSE_WAIT", "files in
 * /tmp/x". Up to three groups, largest first, the most telling name of each; every row is
 * in one group at most.
 *
 * findings: owner of the memory. rows: borrowed, ascending by descriptor.
 * out:      untouched on error; all-zero (noun "descriptors") without rows.
 * Returns: 0; -ENOMEM. Cost: O(n log n).
 */
int seep_target_groups_fill(struct seep_findings *findings,
                            const struct seep_rec_descriptor *const *rows, size_t n,
                            struct seep_view_targets *out);

/* The same for all that were opened past the wrappers. */
int seep_target_groups_past(struct seep_findings *findings,
                            const struct seep_recording *recording,
                            struct seep_view_targets *out);

/* The same for all rows of one site. */
int seep_target_groups_of_site(struct seep_findings *findings,
                               const struct seep_recording *recording, uint32_t site,
                               struct seep_view_targets *out);

#endif
