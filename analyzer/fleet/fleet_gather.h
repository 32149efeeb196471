/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_FLEET_FLEET_GATHER_H
#define SEEP_ANALYZER_FLEET_FLEET_GATHER_H

#include <stddef.h>

#include "base/error.h"
#include "base/progress.h"
#include "fleet/fleet_slice.h"
#include "fleet/fleet_source.h"
#include "fleet/fleet_table.h"

/* A metric with a series per site. */
struct seep_fleet_metric {
    const char *name;  /* of the metric; borrowed */
    const char *match; /* further matchers, "" none; borrowed */
    bool of_bytes;     /* else a count */
};

struct seep_fleet_question {
    struct seep_fleet_source source;
    struct seep_fleet_metric metrics[2];
    size_t metric_count;
    const char *age_metric; /* seconds since a program's start; NULL: none */
    const char *match;      /* the user's matchers, of all metrics; "" none */
    struct seep_fleet_labels labels;
    struct seep_fleet_grid grid;
    size_t threads;                 /* that judge; 0: as many as there are processors */
    struct seep_progress *progress; /* borrowed; NULL: nobody listens */
};

/* What the metrics of Seep's own /metrics are called (report_openmetrics). */
#define SEEP_FLEET_BYTES_METRIC "seep_site_live_bytes"
#define SEEP_FLEET_COUNT_METRIC "seep_site_live"
#define SEEP_FLEET_AGE_METRIC   "seep_recording_seconds"

enum { SEEP_FLEET_REQUESTS_MAX = 3 /* at a time: a server has other clients */ };

/* Asks for everything, instance by instance, and judges it. All or nothing: a report on a
 * part of a fleet would say that the rest is well.
 *
 * out:     owned, settled; untouched on error.
 * Returns: 0 (without an instance the table is empty); as fleet_source.h says, with
 *          *error set. Cost: memory of one instance's series for each thread, and some
 *          60 bytes for each series of the fleet. */
int seep_fleet_gather(const struct seep_fleet_question *question,
                      struct seep_fleet_table *out, struct seep_error *error);

#endif
