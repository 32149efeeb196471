/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_REPORT_HTML_CHART_H
#define SEEP_ANALYZER_REPORT_HTML_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* A second curve, of the run that was before; times as in the chart. */
struct seep_html_line {
    size_t count;
    const double *t_s;
    double from_s, to_s;
    const double *values;
};

struct seep_html_chart {
    const char *title; /* borrowed; of ours, needs no escape */
    bool bytes;        /* unit of the values; counts otherwise */
    size_t count;
    const double *t_s; /* borrowed, rising; NULL: even from from_s to to_s */
    double from_s, to_s;
    double judged_from_s, judged_to_s; /* shaded; equal: nothing */
    const double *values;              /* borrowed; count, finite, >= 0 */
    const struct seep_html_line
        *before; /* borrowed; NULL: one run. "BASE", and the chart's
                    own curve "NEW"; fewer than two values: absent */
};

/* A chart over time from zero on, with axes, key and its values for the script; a
 * sentence says the same to screen readers. Nothing when there are fewer than two values.
 *
 * Thread-safety: any thread on its own buffer. Same input, same bytes. */
void seep_html_chart_put(struct seep_buf *out, const struct seep_html_chart *chart);

/* The curve alone, for a cell of a table; decoration to screen readers. */
void seep_html_chart_put_sparkline(struct seep_buf *out, const double *values, size_t n);

/* Two of them in one picture, to one scale in time and height; either may be empty. */
void seep_html_chart_put_sparklines(struct seep_buf *out,
                                    const struct seep_html_line *before,
                                    const struct seep_html_line *now);

#endif
