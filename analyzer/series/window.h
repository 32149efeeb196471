/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERIES_WINDOW_H
#define SEEP_ANALYZER_SERIES_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "load/recording.h"

/* The stretch of a recording that is judged. Indexes into its snapshots, first <= warm <=
 * end: [first, warm) is warm-up, [warm, end) is judged, what follows is shutdown or was
 * excluded. */
struct seep_window {
    size_t first;
    size_t warm;
    size_t end;
    bool shutdown_cut; /* the program's own end was cut off */
    bool by_mark;      /* warm-up ends at the program's mark "warm" */
};

struct seep_window_options {
    double
        since_s; /* judge from here, without a warm-up of our own; negative: not given */
    double until_s; /* judge up to here; negative: not given */
};

/* Chooses the window: from --since, else from the mark "warm", else after the first
 * third; to
 * --until, else to the end. When the program ended by exit, its last 2 s and the
 * snapshots in which it took its heap down are left out: what a program frees while it
 * leaves is no evidence.
 *
 * recording, options: borrowed.
 * Thread-safety: pure. Allocates: no. Cost: O(sites' points).
 * Source: simulated rates of docs/statistics.md.
 */
struct seep_window seep_window_choose(const struct seep_recording *recording,
                                      const struct seep_window_options *options);

/* Snapshots judged, and the time between the first and the last of them. */
size_t seep_window_points(const struct seep_window *window);
double seep_window_seconds(const struct seep_recording *recording,
                           const struct seep_window *window);

bool seep_window_is_valid(const struct seep_recording *recording,
                          const struct seep_window *window);

#endif
