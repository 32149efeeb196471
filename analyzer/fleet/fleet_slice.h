/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_FLEET_SLICE_H
#define SEEP_ANALYZER_FLEET_FLEET_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "fleet/query_reader.h"

/* Labels that are kept of a series; the values of --group follow them. */
enum seep_fleet_label {
    SEEP_FLEET_ID = 0,
    SEEP_FLEET_FUNCTION = 1,
    SEEP_FLEET_PLACE = 2,
    SEEP_FLEET_SUBSYSTEM = 3,
    SEEP_FLEET_KIND = 4,
    SEEP_FLEET_INSTANCE = 5,
    SEEP_FLEET_RECORDING = 6, /* one server may show several programs */
    SEEP_FLEET_GROUP = 7      /* the first of --group */
};
enum { SEEP_FLEET_GROUPS_MAX = 8, SEEP_FLEET_LABELS_MAX = 15, SEEP_FLEET_TEXT_MAX = 512 };

struct seep_fleet_labels {
    const char *names[SEEP_FLEET_LABELS_MAX]; /* borrowed */
    size_t count;                             /* SEEP_FLEET_GROUP + groups */
};

/* When samples are asked for: evenly, from `start_s` on. */
struct seep_fleet_grid {
    double start_s, step_s; /* Unix time; step_s > 0 */
    size_t steps;           /* >= 1 */
};

/* What a reply held that is not judged, each counted. */
struct seep_fleet_losses {
    uint64_t not_finite;   /* NaN, infinite, negative */
    uint64_t duplicates;   /* a second sample of one time: the first counts */
    uint64_t out_of_order; /* earlier than the one before it */
    uint64_t off_grid;     /* outside the range that was asked for */
    uint64_t cut_labels;   /* values longer than 511 bytes */
    uint64_t histograms;   /* series of native histograms */
    uint64_t no_name;      /* series that name neither an id nor a function */
    uint64_t warnings;     /* of the server; in its own words to its own log */
    uint64_t partial;      /* replies that the server itself calls incomplete */
};
void seep_fleet_losses_add(struct seep_fleet_losses *sum,
                           const struct seep_fleet_losses *more);

/* The series of one instance: what one worker holds at a time. All-zero but for labels
 * and grid is empty. */
struct seep_fleet_slice {
    const struct seep_fleet_labels *labels; /* borrowed */
    struct seep_fleet_grid grid;
    bool nameless_ok;     /* series without id and function are kept: ages of programs */
    size_t points_most;   /* of all series; more is -EMSGSIZE */
    size_t count;         /* series */
    double *values;       /* owned; count x grid.steps; NAN: no sample */
    size_t capacity;      /* series that there is room for */
    size_t *texts;        /* owned; count x SEEP_FLEET_LABELS_MAX places in text */
    struct seep_buf text; /* NUL-terminated; "" at 0 */
    size_t last;          /* index of the series' last sample; grid.steps: none */
    struct seep_fleet_losses losses;
};

void seep_fleet_slice_init(struct seep_fleet_slice *slice,
                           const struct seep_fleet_labels *labels,
                           const struct seep_fleet_grid *grid);
void seep_fleet_slice_fini(struct seep_fleet_slice *slice);
/* Empties it, keeps its memory. */
void seep_fleet_slice_reset(struct seep_fleet_slice *slice);

/* A sink that appends to the slice. Its functions return 0; -ENOMEM; -EMSGSIZE. */
struct seep_query_sink seep_fleet_slice_sink(struct seep_fleet_slice *slice);

/* The values of series i. */
static inline double *seep_fleet_slice_values(const struct seep_fleet_slice *slice,
                                              size_t i)
{
    return slice->values + i * slice->grid.steps;
}
/* A label of series i; "" when it has none. Valid UTF-8, no control characters. Borrowed
 * until the next change. */
const char *seep_fleet_slice_label(const struct seep_fleet_slice *slice, size_t i,
                                   size_t label);

#endif
