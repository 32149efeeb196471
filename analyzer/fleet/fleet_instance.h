/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_FLEET_INSTANCE_H
#define SEEP_ANALYZER_FLEET_FLEET_INSTANCE_H

#include <stddef.h>

#include "fleet/fleet_slice.h"
#include "fleet/fleet_table.h"

/* All that was read of one instance. */
struct seep_fleet_instance {
    const struct seep_fleet_slice *series; /* borrowed, as all here */
    size_t first_count; /* series from here on are counts, those before are of bytes */
    const struct seep_fleet_slice *ages; /* of its programs; on the same grid */
};

/* Its series as judged; all-zero is empty. */
struct seep_fleet_judged {
    struct seep_fleet_series_judged *series; /* owned; one per series of the slice */
    size_t count, capacity;
    struct seep_fleet_suspect *suspects; /* owned; in the order of series */
    size_t suspect_count, suspect_capacity;
    uint64_t restarts, samples;
    struct seep_fleet_cuts cuts;
};
void seep_fleet_judged_fini(struct seep_fleet_judged *judged);

/* Finds the lives of all its series and measures each.
 *
 * judged: in/out; of a call before: its memory is used again.
 * Returns: 0; -ENOMEM. Thread-safety: pure. Cost: O(series x steps). */
int seep_fleet_judge(const struct seep_fleet_instance *instance,
                     struct seep_fleet_judged *judged);

#endif
