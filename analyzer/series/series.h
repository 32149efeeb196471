/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERIES_SERIES_H
#define SEEP_ANALYZER_SERIES_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"

/* What is live at each snapshot, of one site or summed over several. */
struct seep_series {
    size_t n;           /* snapshots of the recording */
    double *t_s;        /* owned; since the program's start, strictly rising */
    double *live;       /* owned; resources, >= 0 */
    double *live_bytes; /* owned; >= 0 */
};

/* Makes room and fills t_s; live and live_bytes are zero.
 * Returns: 0; -ENOMEM (out untouched). Allocates: yes; release with seep_series_free. */
int seep_series_new(const struct seep_recording *recording, struct seep_series *out);
void seep_series_free(struct seep_series *series);

/* Sets live and live_bytes to those of one site. Cost: O(snapshots). */
void seep_series_read(struct seep_series *series, const struct seep_recording *recording,
                      uint32_t site);

/* Sets live and live_bytes to the sums over sites: begin, add each, end. In between they
 * hold the changes from snapshot to snapshot. Cost: O(points) for each site, O(snapshots)
 * for begin and end. */
void seep_series_sum_begin(struct seep_series *series);
void seep_series_sum_add(struct seep_series *series,
                         const struct seep_recording *recording, uint32_t site);
void seep_series_sum_end(struct seep_series *series);

#endif
