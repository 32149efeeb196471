/* Trends for programs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "history/trend_json.h"

#include <errno.h>
#include <stdlib.h>

#include "history/run_json.h"

static json_t *growth_of(const struct seep_measure *growth)
{
    return json_pack("{s:o, s:[o,o]}", "value", seep_run_json_real(growth->value), "ci",
                     seep_run_json_real(growth->low), seep_run_json_real(growth->high));
}

static json_t *points_of(const struct seep_trend *trend)
{
    json_t *points = json_array();

    for (size_t i = 0; i < trend->count; i++) {
        const struct seep_trend_point *point = &trend->points[i];
        json_t *value = seep_run_json_name(point->run);

        (void)json_object_set_new(value, "verdict",
                                  point->finding != NULL ? json_string(seep_verdict_name(
                                                               point->finding->verdict))
                                                         : json_null());
        (void)json_object_set_new(value, "growth",
                                  point->finding != NULL ? growth_of(&point->growth)
                                                         : json_null());
        (void)json_array_append_new(points, value);
    }
    return points;
}

static json_t *labels_of(const struct seep_trend *trend)
{
    struct seep_trend_label *labels = NULL;
    size_t count = 0;
    json_t *list = json_array();

    if (seep_trend_labels(trend, &labels, &count) < 0) {
        json_decref(list);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:I, s:I}", "name", labels[i].name, "value",
                            labels[i].value, "runs", (json_int_t)labels[i].runs, "found",
                            (json_int_t)labels[i].found));
    }
    free(labels);
    return list;
}

static json_t *before_of(const struct seep_trend *trend)
{
    return trend->first > 0 ? seep_run_json_name(trend->points[trend->first - 1].run)
                            : json_null();
}

static json_t *trend_of(const struct seep_trend *trend)
{
    struct seep_measure mean = {trend->mean, trend->mean_low, trend->mean_high};

    return json_pack(
        "{s:s, s:o, s:s, s:b, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
        trend->id, "finding", seep_run_json_finding(trend->newest), "basis",
        seep_measure_basis_name(trend->basis), "bytes",
        seep_measure_is_bytes(trend->newest->kind), "unit",
        trend->basis == SEEP_MEASURE_PER_UNIT ? trend->newest->unit : "", "runs",
        (json_int_t)trend->count, "found", (json_int_t)trend->found, "since",
        seep_run_json_name(trend->points[trend->first].run), "before", before_of(trend),
        "last_seen", seep_run_json_name(trend->points[trend->last].run), "growth",
        growth_of(&trend->points[trend->last].growth), "mean", growth_of(&mean), "labels",
        labels_of(trend), "points", points_of(trend));
}

int seep_trend_json(const struct seep_trend *trends, size_t count, struct seep_buf *out)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, trend_of(&trends[i])) < 0) {
            json_decref(list);
            return -ENOMEM;
        }
    }
    return seep_run_json_write(json_pack("{s:i, s:o}", "seep_store", 1, "trends", list),
                               out);
}
