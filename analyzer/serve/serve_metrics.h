/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERVE_SERVE_METRICS_H
#define SEEP_ANALYZER_SERVE_SERVE_METRICS_H

#include "base/buf.h"
#include "report/report_openmetrics.h"
#include "serve/serve_shelf.h"

/* Appends /metrics: of the recordings that are open, at most SEEP_METRICS_RECORDINGS,
 * with the sites that hold most of each kind and those that findings are on.
 *
 * own: what the shelf knows (recordings, judging) is filled here.
 * Returns: 0; -ENOMEM. Thread-safety: owner thread of the shelf. */
enum { SEEP_METRICS_RECORDINGS = 32, SEEP_METRICS_SITES = 20 };
int seep_serve_metrics_put(struct seep_shelf *shelf,
                           const struct seep_openmetrics_own *own, struct seep_buf *out);

#endif
