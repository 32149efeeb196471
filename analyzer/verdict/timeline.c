/* The whole process over time, for charts.
 *
 * One rule of thinning (series/thin.h) for times and values keeps pairs pairs. What /proc
 * did not tell at a snapshot is its last known value, because a chart that falls to zero
 * would claim something; what it never told is all zero, which renderers leave out.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/timeline.h"

#include <errno.h>
#include <stdlib.h>

#include "series/thin.h"

enum { POINTS_MAX = 240 };

static uint64_t rss(const struct seep_rec_snapshot *snapshot)
{
    return snapshot->rss_bytes;
}

static uint64_t threads(const struct seep_rec_snapshot *snapshot)
{
    return snapshot->threads;
}

static uint64_t fds(const struct seep_rec_snapshot *snapshot)
{
    return snapshot->fds;
}

/* Thinned copy that lives with the findings; NULL when memory is out. */
static double *keep(struct seep_analysis *analysis, const double *values)
{
    size_t n = analysis->series.n;
    double *kept = seep_findings_alloc(analysis->findings,
                                       n < POINTS_MAX ? n : POINTS_MAX, sizeof(*kept));

    if (kept != NULL) {
        (void)seep_thin(values, n, POINTS_MAX, kept);
    }
    return kept;
}

static double *keep_of(struct seep_analysis *analysis,
                       uint64_t (*read)(const struct seep_rec_snapshot *snapshot),
                       double *scratch)
{
    double last = 0;

    for (size_t i = 0; i < analysis->series.n; i++) {
        uint64_t value = read(&analysis->recording->snapshots[i]);

        last = value > 0 ? (double)value : last;
        scratch[i] = last;
    }
    return keep(analysis, scratch);
}

int seep_timeline_fill(struct seep_analysis *analysis, const double *heap_bytes)
{
    size_t n = analysis->series.n;
    struct seep_view_timeline *timeline = &analysis->findings->timeline;
    double *scratch = NULL;

    if (n == 0) {
        return 0;
    }
    scratch = calloc(n, sizeof(*scratch));
    if (scratch == NULL) {
        return -ENOMEM;
    }
    struct seep_view_timeline filled = {
        .count = n < POINTS_MAX ? n : POINTS_MAX,
        .t_s = keep(analysis, analysis->series.t_s),
        .heap_live_bytes = keep(analysis, heap_bytes),
        .rss_bytes = keep_of(analysis, rss, scratch),
        .threads = keep_of(analysis, threads, scratch),
        .fds = keep_of(analysis, fds, scratch),
    };

    free(scratch);
    if (filled.t_s == NULL || filled.heap_live_bytes == NULL ||
        filled.rss_bytes == NULL || filled.threads == NULL || filled.fds == NULL) {
        return -ENOMEM;
    }
    *timeline = filled;
    return 0;
}
