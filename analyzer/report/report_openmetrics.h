/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_REPORT_OPENMETRICS_H
#define SEEP_ANALYZER_REPORT_REPORT_OPENMETRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "verdict/findings.h"

/* What a monitoring system is told: OpenMetrics text, version 1.0. Labels are bounded:
 * recordings by the caller, sites by the caller's rows, subsystems by
 * SEEP_OPENMETRICS_SUBSYSTEMS, reasons and verdicts by their lists. */
enum { SEEP_OPENMETRICS_SUBSYSTEMS = 64, SEEP_OPENMETRICS_LABEL_BYTES = 200 };
#define SEEP_OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* One of the sites that hold most. All borrowed. Rows of one recording that differ in
 * figures alone (places within the same functions and lines) become one. */
struct seep_openmetrics_row {
    const char *id, *function, *place, *subsystem; /* stable across runs and builds */
    enum seep_kind kind;
    uint64_t live, live_bytes, acquired, released;
};

struct seep_openmetrics_recording {
    const char *name, *state;             /* "x.seep", "running" */
    const struct seep_findings *findings; /* NULL: not judged yet */
    double t_s;                           /* of the newest snapshot */
    uint64_t heap_live, heap_live_bytes, rss_bytes, threads, fds, cpu_ns;
    struct seep_openmetrics_row *rows; /* sorted here */
    size_t row_count;
};

/* Of whoever sends alerts; see alert/alert.h. */
struct seep_openmetrics_alerts {
    bool known;
    uint64_t sent, failed, dropped, deduplicated, pending, firing;
};

/* Seep's own part. */
struct seep_openmetrics_own {
    uint64_t running, ended, lost, refused, unread, left_out; /* recordings */
    uint64_t judgements, requests, refused_requests, listeners, refused_listeners;
    double judge_s, follow_s, cpu_s;
    uint64_t rss_bytes;
    struct seep_openmetrics_alerts alerts;
};

/* Appends the whole text, "# EOF" at its end. Returns: 0; -ENOMEM. Same input, same
 * bytes. Thread-safety: any thread on its own buffer. Cost: O(rows log rows). */
int seep_openmetrics_put(const struct seep_openmetrics_recording *recordings, size_t n,
                         const struct seep_openmetrics_own *own, struct seep_buf *out);

#endif
