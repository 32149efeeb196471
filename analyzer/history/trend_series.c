/* Findings of many runs, put in line by their ids.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/trend_series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trend/student.h"

static const struct seep_history_finding *find(const struct seep_history_run *run,
                                               const char *id)
{
    for (size_t i = 0; i < run->finding_count; i++) {
        if (strcmp(run->findings[i].id, id) == 0) {
            return &run->findings[i];
        }
    }
    return NULL;
}

/* Whether some run of that program has it: the others say nothing of it.
 * found: by run, NULL where it has it not. */
static bool concerns(const struct seep_history_runs *runs, const char *program,
                     const struct seep_history_finding *const *found)
{
    for (size_t i = 0; i < runs->count; i++) {
        if (found[i] != NULL && strcmp(runs->runs[i].program, program) == 0) {
            return true;
        }
    }
    return false;
}

static int line_up(const struct seep_history_runs *runs, struct seep_trend *trend)
{
    const struct seep_history_finding **found = calloc(runs->count + 1, sizeof(*found));

    if (found == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < runs->count; i++) {
        found[i] = find(&runs->runs[i], trend->id);
    }
    for (size_t i = 0; i < runs->count; i++) {
        const struct seep_history_run *run = &runs->runs[i];

        if (found[i] == NULL && !concerns(runs, run->program, found)) {
            continue;
        }
        if (found[i] != NULL) {
            trend->first = trend->found == 0 ? trend->count : trend->first;
            trend->last = trend->count;
            trend->newest = found[i];
            trend->found++;
        }
        trend->points[trend->count++] =
            (struct seep_trend_point){.run = run, .finding = found[i]};
    }
    free(found);
    return trend->found > 0 ? 0 : -ENOENT;
}

static void measure(struct seep_trend *trend)
{
    trend->basis = SEEP_MEASURE_PER_UNIT;
    for (size_t i = 0; i < trend->count; i++) {
        const struct seep_history_finding *finding = trend->points[i].finding;
        enum seep_measure_basis shared =
            finding != NULL ? seep_measure_shared(finding, trend->newest) : trend->basis;

        trend->basis = shared < trend->basis ? shared : trend->basis;
    }
    for (size_t i = 0; i < trend->count; i++) {
        struct seep_trend_point *point = &trend->points[i];

        point->growth =
            point->finding != NULL
                ? seep_measure_take(point->finding, point->run->duration_s, trend->basis)
                : (struct seep_measure){NAN, NAN, NAN};
    }
}

static void average(struct seep_trend *trend)
{
    double sum = 0;
    double squares = 0;
    double margin = 0;
    size_t n = 0;

    for (size_t i = 0; i < trend->count; i++) {
        if (isfinite(trend->points[i].growth.value)) {
            sum += trend->points[i].growth.value;
            n++;
        }
    }
    trend->mean = n > 0 ? sum / (double)n : NAN;
    trend->mean_low = NAN;
    trend->mean_high = NAN;
    if (n < 2) {
        return;
    }
    for (size_t i = 0; i < trend->count; i++) {
        if (isfinite(trend->points[i].growth.value)) {
            squares += pow(trend->points[i].growth.value - trend->mean, 2);
        }
    }
    margin =
        seep_student_point(0.025, n - 1) * sqrt(squares / (double)(n - 1) / (double)n);
    trend->mean_low = trend->mean - margin;
    trend->mean_high = trend->mean + margin;
}

int seep_trend_make(const struct seep_history_runs *runs, const char *id,
                    struct seep_trend *out)
{
    struct seep_trend trend = {.id = id};
    int status = -ENOMEM;

    trend.points = calloc(runs->count + 1, sizeof(*trend.points));
    if (trend.points != NULL) {
        status = line_up(runs, &trend);
    }
    if (status < 0) {
        seep_trend_fini(&trend);
        return status;
    }
    measure(&trend);
    average(&trend);
    *out = trend;
    return 0;
}

void seep_trend_fini(struct seep_trend *trend)
{
    free(trend->points);
    *trend = (struct seep_trend){0};
}

void seep_trends_free(struct seep_trend *trends, size_t count)
{
    for (size_t i = 0; i < count && trends != NULL; i++) {
        seep_trend_fini(&trends[i]);
    }
    free(trends);
}

static bool is_listed(const struct seep_trend *trends, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(trends[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

int seep_trends_make(const struct seep_history_runs *runs, enum seep_kind kind,
                     size_t top, struct seep_trend **out, size_t *count)
{
    struct seep_trend *trends = calloc(top + 1, sizeof(*trends));
    size_t made = 0;

    if (trends == NULL) {
        return -ENOMEM;
    }
    for (size_t i = runs->count; i-- > 0 && made < top;) {
        const struct seep_history_run *run = &runs->runs[i];

        for (size_t k = 0; k < run->finding_count && made < top; k++) {
            const struct seep_history_finding *finding = &run->findings[k];

            if (finding->verdict < SEEP_VERDICT_SUSPECT ||
                (kind != SEEP_KIND_NONE && finding->kind != kind) ||
                is_listed(trends, made, finding->id)) {
                continue;
            }
            if (seep_trend_make(runs, finding->id, &trends[made]) < 0) {
                seep_trends_free(trends, made);
                return -ENOMEM;
            }
            made++;
        }
    }
    *out = trends;
    *count = made;
    return 0;
}

static int by_name_and_value(const void *a, const void *b)
{
    const struct seep_trend_label *x = a;
    const struct seep_trend_label *y = b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : strcmp(x->value, y->value);
}

static struct seep_trend_label *row_of(struct seep_trend_label *rows, size_t *count,
                                       const struct seep_history_label *label)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(rows[i].name, label->name) == 0 &&
            strcmp(rows[i].value, label->value) == 0) {
            return &rows[i];
        }
    }
    rows[*count] = (struct seep_trend_label){label->name, label->value, 0, 0};
    return &rows[(*count)++];
}

int seep_trend_labels(const struct seep_trend *trend, struct seep_trend_label **out,
                      size_t *count)
{
    size_t most = 0;
    struct seep_trend_label *rows = NULL;

    *count = 0;
    for (size_t i = 0; i < trend->count; i++) {
        most += trend->points[i].run->label_count;
    }
    rows = calloc(most + 1, sizeof(*rows));
    if (rows == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < trend->count; i++) {
        const struct seep_trend_point *point = &trend->points[i];

        for (size_t k = 0; k < point->run->label_count; k++) {
            struct seep_trend_label *row = row_of(rows, count, &point->run->labels[k]);

            row->runs++;
            row->found += point->finding != NULL;
        }
    }
    qsort(rows, *count, sizeof(*rows), by_name_and_value);
    *out = rows;
    return 0;
}
