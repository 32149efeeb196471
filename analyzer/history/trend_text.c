/* Trends for people: since when, how fast, in which releases, as a curve.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/trend_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history/run_text.h"

enum { NAME_COLUMNS = 11, CURVE_COLUMNS = 60, TEXT_MAX = 1024, RANGE_MAX = 520 };

static void fact(const struct seep_layout *layout, const char *name, const char *text)
{
    seep_buf_printf(layout->out, "  ");
    seep_layout_cell(layout, SEEP_INK_DIM, name, NAME_COLUMNS);
    seep_layout_wrap(layout, SEEP_INK_PLAIN, text, NAME_COLUMNS + 2, NAME_COLUMNS + 2);
}

static void title(const struct seep_trend *trend, const struct seep_layout *layout)
{
    const struct seep_history_finding *finding = trend->newest;
    char text[TEXT_MAX];
    char name[SEEP_RUN_CUT_MAX];

    (void)snprintf(text, sizeof(text), "%s  %s %s  ", trend->id,
                   seep_verdict_name(finding->verdict), seep_kind_name(finding->kind));
    seep_layout_put(layout, SEEP_INK_BOLD, text);
    seep_layout_put(layout, SEEP_INK_BOLD, finding->headline);
    if (finding->place[0] != '\0') {
        (void)snprintf(text, sizeof(text), " (%s)",
                       seep_run_text_cut(finding->place, name));
        seep_layout_put(layout, SEEP_INK_PLAIN, text);
    }
    if (finding->subsystem[0] != '\0') {
        (void)snprintf(text, sizeof(text), ", %s",
                       seep_run_text_cut(finding->subsystem, name));
        seep_layout_put(layout, SEEP_INK_PLAIN, text);
    }
    seep_buf_printf(layout->out, "\n");
}

static void name_run(const struct seep_history_run *run, char *out, size_t out_bytes)
{
    char when[SEEP_RUN_TIME_MAX];
    char commit[SEEP_RUN_COMMIT_MAX];

    (void)snprintf(out, out_bytes, "%s UTC, commit %s, run %.8s",
                   seep_run_text_time(run->started_ns, when),
                   seep_run_text_commit(run, commit), run->id);
}

static void since(const struct seep_trend *trend, const struct seep_layout *layout)
{
    char run[160];
    char text[TEXT_MAX];

    name_run(trend->points[trend->first].run, run, sizeof(run));
    if (trend->first == 0) {
        (void)snprintf(text, sizeof(text), "%s: the oldest run that was looked at", run);
    } else {
        char before[160];

        name_run(trend->points[trend->first - 1].run, before, sizeof(before));
        (void)snprintf(text, sizeof(text), "%s (not in the %zu %s before; the last: %s)",
                       run, trend->first, trend->first == 1 ? "run" : "runs", before);
    }
    fact(layout, "since", text);
    (void)snprintf(text, sizeof(text), "%zu of %zu runs from then on%s", trend->found,
                   trend->count - trend->first,
                   trend->last + 1 < trend->count ? ", not in the newest" : "");
    fact(layout, "found in", text);
    if (trend->last + 1 < trend->count) {
        name_run(trend->points[trend->last].run, run, sizeof(run));
        fact(layout, "last seen", run);
    }
}

static void put_range(const struct seep_trend *trend, const struct seep_measure *growth,
                      char *out, size_t out_bytes)
{
    char value[SEEP_MEASURE_TEXT_MAX];
    char low[SEEP_MEASURE_TEXT_MAX];
    char high[SEEP_MEASURE_TEXT_MAX];
    enum seep_kind kind = trend->newest->kind;
    const char *unit = trend->newest->unit;

    (void)seep_measure_text(growth->value, kind, trend->basis, unit, value);
    if (!isfinite(growth->low) || !isfinite(growth->high)) {
        (void)snprintf(out, out_bytes, "%s", value);
        return;
    }
    (void)seep_measure_text(growth->low, kind, SEEP_MEASURE_AMOUNT, unit, low);
    (void)seep_measure_text(growth->high, kind, SEEP_MEASURE_AMOUNT, unit, high);
    (void)snprintf(out, out_bytes, "%s (95 %%: %s to %s)", value, low, high);
}

static void how_fast(const struct seep_trend *trend, const struct seep_layout *layout)
{
    struct seep_measure mean = {trend->mean, trend->mean_low, trend->mean_high};
    bool amount = trend->basis == SEEP_MEASURE_AMOUNT;
    char range[RANGE_MAX];
    char text[TEXT_MAX];

    put_range(trend, &trend->points[trend->last].growth, range, sizeof(range));
    fact(layout, amount ? "amount" : "growth", range);
    if (trend->found > 1) {
        put_range(trend, &mean, range, sizeof(range));
        (void)snprintf(text, sizeof(text), "%s over %zu runs", range, trend->found);
        fact(layout, "on average", text);
    }
}

static int releases(const struct seep_trend *trend, const struct seep_layout *layout)
{
    struct seep_trend_label *labels = NULL;
    size_t count = 0;
    int status = seep_trend_labels(trend, &labels, &count);

    for (size_t i = 0; i < count && status == 0; i++) {
        char text[TEXT_MAX];
        char name[SEEP_RUN_CUT_MAX];
        char value[SEEP_RUN_CUT_MAX];

        (void)snprintf(text, sizeof(text), "%s=%s: in %zu of %zu runs",
                       seep_run_text_cut(labels[i].name, name),
                       seep_run_text_cut(labels[i].value, value), labels[i].found,
                       labels[i].runs);
        fact(layout, i == 0 ? "labels" : "", text);
    }
    free(labels);
    return status;
}

static int curve(const struct seep_trend *trend, const struct seep_layout *layout)
{
    double *values = calloc(trend->count, sizeof(*values));
    size_t width = layout->columns > NAME_COLUMNS + 4U + CURVE_COLUMNS
                       ? CURVE_COLUMNS
                       : layout->columns - NAME_COLUMNS - 4U;

    if (values == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < trend->count; i++) {
        values[i] =
            isfinite(trend->points[i].growth.value) ? trend->points[i].growth.value : 0;
    }
    seep_buf_printf(layout->out, "  ");
    seep_layout_cell(layout, SEEP_INK_DIM, "by run", NAME_COLUMNS);
    seep_layout_sparkline(layout, values, trend->count, width);
    seep_buf_printf(layout->out, "\n");
    free(values);
    return 0;
}

static void table(const struct seep_trend *trend, const struct seep_layout *layout)
{
    for (size_t i = trend->count; i-- > 0;) {
        const struct seep_trend_point *point = &trend->points[i];
        char run[160];
        char range[RANGE_MAX];

        name_run(point->run, run, sizeof(run));
        seep_buf_printf(layout->out, "    ");
        seep_layout_put(layout, SEEP_INK_DIM, run);
        seep_buf_printf(layout->out, "\n      ");
        if (point->finding == NULL) {
            seep_layout_put(layout, SEEP_INK_GREEN, "not found\n");
            continue;
        }
        put_range(trend, &point->growth, range, sizeof(range));
        seep_layout_cell(layout, SEEP_INK_PLAIN,
                         seep_verdict_name(point->finding->verdict), 10);
        seep_layout_put(layout, SEEP_INK_PLAIN, range);
        seep_buf_printf(layout->out, "\n");
    }
}

int seep_trend_text(const struct seep_trend *trend, bool details,
                    const struct seep_layout *layout)
{
    int status = 0;

    title(trend, layout);
    since(trend, layout);
    how_fast(trend, layout);
    status = releases(trend, layout);
    if (status == 0) {
        status = curve(trend, layout);
    }
    if (status == 0 && details) {
        table(trend, layout);
    }
    seep_buf_printf(layout->out, "\n");
    return status;
}
