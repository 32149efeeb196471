/* The work of one thread on one instance: restarts, lives, measures.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/fleet_instance.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/fleet_life.h"
#include "fleet/gauge_judge.h"

static const double P_KEPT = 0.05; /* larger ones bring no q below it */

struct work {
    const struct seep_fleet_instance *instance;
    struct seep_fleet_judged *judged;
    bool *done;     /* series that were judged; one per series */
    bool *member;   /* series of the program at hand */
    bool *restarts; /* one per step */
    double *t_s, *y;
    bool failed; /* memory was out */
};

void seep_fleet_judged_fini(struct seep_fleet_judged *judged)
{
    free(judged->series);
    free(judged->suspects);
    *judged = (struct seep_fleet_judged){0};
}

static void keep_suspect(struct work *work, const struct seep_fleet_suspect *what)
{
    struct seep_fleet_judged *judged = work->judged;

    if (judged->suspect_count == judged->suspect_capacity) {
        size_t larger = judged->suspect_capacity * 2 + 16;
        struct seep_fleet_suspect *moved =
            realloc(judged->suspects, larger * sizeof(*moved));

        if (moved == NULL) {
            work->failed = true;
            return;
        }
        judged->suspects = moved;
        judged->suspect_capacity = larger;
    }
    judged->suspects[judged->suspect_count++] = *what;
}

static void judge_life(struct work *work, const struct seep_gauge *gauge,
                       struct seep_fleet_series_judged *out)
{
    struct seep_fleet_suspect what = {0};

    if (!seep_gauge_measure(gauge, &what.evidence)) {
        return;
    }
    out->tested++;
    what.p = seep_growth_p(&what.evidence);
    if (what.p <= P_KEPT || seep_growth_is_staircase(&what.evidence)) {
        what.slope = seep_gauge_slope(gauge);
        out->suspect_count++;
        keep_suspect(work, &what);
    }
}

static void judge_series(struct work *work, size_t i)
{
    const struct seep_fleet_slice *slice = work->instance->series;
    const double *values = seep_fleet_slice_values(slice, i);
    struct seep_fleet_life lives[SEEP_FLEET_LIVES_MAX];
    struct seep_fleet_series_judged *out = &work->judged->series[i];
    size_t count = seep_fleet_lives(values, work->restarts, slice->grid.steps, lives,
                                    &work->judged->cuts);
    enum seep_kind kind =
        seep_kind_from_name(seep_fleet_slice_label(slice, i, SEEP_FLEET_KIND));

    *out = (struct seep_fleet_series_judged){
        .first_suspect = work->judged->suspect_count,
        .of_bytes = i < work->instance->first_count,
        .kind = kind == SEEP_KIND_NONE ? SEEP_KIND_HEAP : kind};
    for (size_t k = 0; k < count; k++) {
        size_t n = seep_fleet_life_points(values, &lives[k], slice->grid.step_s,
                                          work->t_s, work->y);
        const struct seep_gauge gauge = {.kind = out->kind,
                                         .of_bytes = out->of_bytes,
                                         .born = lives[k].born,
                                         .t_s = work->t_s,
                                         .values = work->y,
                                         .n = n};

        work->judged->samples += n;
        out->live = work->y[n - 1]; /* a life begins with a sample */
        if (n < SEEP_GAUGE_POINTS_MIN) {
            out->short_lives++;
        } else {
            out->lives++;
            judge_life(work, &gauge, out);
        }
    }
}

/* Marks the restarts of a program: by its ages where they are known. */
static void find_restarts(struct work *work, const char *recording)
{
    const struct seep_fleet_slice *ages = work->instance->ages;
    size_t steps = work->instance->series->grid.steps;
    bool known = false;

    memset(work->restarts, 0, steps * sizeof(*work->restarts));
    for (size_t i = 0; i < ages->count; i++) {
        if (strcmp(seep_fleet_slice_label(ages, i, SEEP_FLEET_RECORDING), recording) ==
            0) {
            work->judged->restarts += seep_fleet_restarts_by_age(
                seep_fleet_slice_values(ages, i), steps, work->restarts);
            known = true;
        }
    }
    if (!known) {
        work->judged->restarts += seep_fleet_restarts_by_fall(
            work->instance->series, work->member, work->restarts);
    }
}

static void judge_program(struct work *work, size_t first)
{
    const struct seep_fleet_slice *slice = work->instance->series;
    const char *recording = seep_fleet_slice_label(slice, first, SEEP_FLEET_RECORDING);

    for (size_t i = 0; i < slice->count; i++) {
        work->member[i] = strcmp(seep_fleet_slice_label(slice, i, SEEP_FLEET_RECORDING),
                                 recording) == 0;
    }
    find_restarts(work, recording);
    for (size_t i = first; i < slice->count; i++) {
        if (work->member[i]) {
            work->done[i] = true;
            judge_series(work, i);
        }
    }
}

static int reserve(struct seep_fleet_judged *judged, size_t count)
{
    if (count > judged->capacity) {
        struct seep_fleet_series_judged *series =
            realloc(judged->series, count * sizeof(*series));

        if (series == NULL) {
            return -ENOMEM;
        }
        judged->series = series;
        judged->capacity = count;
    }
    judged->count = count;
    judged->suspect_count = 0;
    judged->restarts = judged->samples = 0;
    judged->cuts = (struct seep_fleet_cuts){0};
    return 0;
}

/* Now that they do not move any more. */
static void lend_suspects(struct seep_fleet_judged *judged)
{
    for (size_t i = 0; i < judged->count; i++) {
        judged->series[i].suspects = judged->suspects + judged->series[i].first_suspect;
    }
}

int seep_fleet_judge(const struct seep_fleet_instance *instance,
                     struct seep_fleet_judged *judged)
{
    size_t count = instance->series->count;
    size_t steps = instance->series->grid.steps;
    struct work work = {.instance = instance, .judged = judged};
    int status = reserve(judged, count);

    work.done = calloc(2 * count + steps + 1, sizeof(*work.done));
    work.t_s = calloc(2 * steps, sizeof(*work.t_s));
    if (status < 0 || work.done == NULL || work.t_s == NULL) {
        status = -ENOMEM;
    } else {
        work.member = work.done + count;
        work.restarts = work.member + count;
        work.y = work.t_s + steps;
        for (size_t i = 0; i < count; i++) {
            if (!work.done[i]) {
                judge_program(&work, i);
            }
        }
        lend_suspects(judged);
        status = work.failed ? -ENOMEM : 0;
    }
    free(work.done);
    free(work.t_s);
    return status;
}
