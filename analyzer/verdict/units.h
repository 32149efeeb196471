/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_UNITS_H
#define SEEP_ANALYZER_VERDICT_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"
#include "series/window.h"

/* What the program did, counted at each snapshot: by its own marks, and, for want of
 * them, by the allocations of its busiest sites. */
enum {
    SEEP_UNITS_MARKS_MAX = 8, /* labels: the first that are seen twice */
    SEEP_UNITS_SITES_MAX = 2, /* a second one for findings on the first */
    SEEP_UNITS_MAX = SEEP_UNITS_MARKS_MAX + SEEP_UNITS_SITES_MAX,
    SEEP_UNITS_MARKS_MIN = 20, /* in the window, for a label to be an operation */
    SEEP_UNITS_SITE_MIN = 100  /* allocations in the window, for a site to be one */
};
/* What a busy site gives back of what it acquired: one that keeps is no measure. */
static const double SEEP_UNITS_RELEASED_MIN = 0.9;
static const double SEEP_UNITS_PER_S_MIN = 1;

struct seep_unit {
    const char *label;  /* borrowed of the recording; NULL: allocations of `site` */
    uint32_t site;      /* 0 for a mark */
    double *cumulative; /* owned; at each snapshot */
    double in_window;
};

struct seep_units {
    size_t n;                               /* snapshots */
    struct seep_unit units[SEEP_UNITS_MAX]; /* operations; marks come first */
    size_t count;
    struct seep_unit events[SEEP_UNITS_MARKS_MAX]; /* any label seen twice or more */
    size_t event_count;
    double *opened, *started; /* owned; descriptors and threads acquired so far */
};

/* Counts all of it.
 * recording: borrowed, must outlive *out. out: untouched on error; seep_units_fini.
 * Returns: 0; -ENOMEM. Cost: O(sites + marks x labels + points of descriptors and
 * threads). */
int seep_units_init(const struct seep_recording *recording,
                    const struct seep_window *window, struct seep_units *out);
void seep_units_fini(struct seep_units *units);

#endif
