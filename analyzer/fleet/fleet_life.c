/* Lives of processes, in series that go on across them.
 *
 * A metrics server sees an address, not a process: a program that leaks, is killed and
 * starts again is a saw-tooth there, which no test of trend flags, and rightly. So series
 * are cut where the process is another one, and each life is judged for itself.
 *
 * The age of the program tells for sure (seep_recording_seconds). Without it, only what
 * nothing but a new process does counts as one; what is missed so is a leak that is not
 * found, what would be seen wrongly a false alarm.
 *
 * SPDX-License-Identifier: MIT
 */
#include "fleet/fleet_life.h"

#include <math.h>

enum { GAP_LEAST_STEPS = 6, FALL_SERIES_MIN = 3 };
static const double GAP_SHARE = 0.1; /* of the range */
static const double FELL_SHARE = 0.8, FELL_TO = 0.5, ALL_FELL_TO = 0.25;

size_t seep_fleet_restarts_by_age(const double *ages, size_t steps, bool *restarts)
{
    double before = NAN;
    size_t found = 0;

    for (size_t i = 0; i < steps; i++) {
        if (isnan(ages[i])) {
            continue;
        }
        if (ages[i] < before) {
            restarts[i] = true;
            found++;
        }
        before = ages[i];
    }
    return found;
}

/* What the series of one program do from a step to a later one. */
struct fall {
    size_t had, fell, seen;
    double from, to;
};

static struct fall fall_of(const struct seep_fleet_slice *slice, const bool *member,
                           size_t from, size_t to)
{
    struct fall fall = {0};

    for (size_t i = 0; i < slice->count; i++) {
        const double *values = seep_fleet_slice_values(slice, i);
        double after = isnan(values[to]) ? 0 : values[to];

        if (!member[i]) {
            continue;
        }
        fall.seen += !isnan(values[to]);
        fall.to += after;
        if (values[from] > 0) { /* not NAN */
            fall.had++;
            fall.from += values[from];
            fall.fell += after < FELL_TO * values[from];
        }
    }
    return fall;
}

size_t seep_fleet_restarts_by_fall(const struct seep_fleet_slice *slice,
                                   const bool *member, bool *restarts)
{
    size_t before = slice->grid.steps; /* none yet */
    size_t found = 0;

    for (size_t step = 0; step < slice->grid.steps; step++) {
        struct fall fall =
            fall_of(slice, member, before < slice->grid.steps ? before : step, step);

        if (fall.seen == 0) {
            continue; /* nobody asked the program then */
        }
        before = step;
        if (fall.had >= FALL_SERIES_MIN &&
            (double)fall.fell >= FELL_SHARE * (double)fall.had &&
            fall.to < ALL_FELL_TO * fall.from) {
            restarts[step] = true;
            found++;
        }
    }
    return found;
}

/* Whether the process is another one at `to` than at `from`. */
static bool restarted(const bool *restarts, size_t from, size_t to)
{
    for (size_t i = from + 1; i <= to; i++) {
        if (restarts[i]) {
            return true;
        }
    }
    return false;
}

static size_t append(struct seep_fleet_life *out, size_t count,
                     struct seep_fleet_life life, struct seep_fleet_cuts *cuts)
{
    if (count == SEEP_FLEET_LIVES_MAX) {
        cuts->left_off++;
        for (size_t i = 1; i < count; i++) {
            out[i - 1] = out[i];
        }
        count--;
    }
    out[count] = life;
    return count + 1;
}

size_t seep_fleet_lives(const double *values, const bool *restarts, size_t steps,
                        struct seep_fleet_life *out, struct seep_fleet_cuts *cuts)
{
    size_t gap_most = (size_t)(GAP_SHARE * (double)steps);
    struct seep_fleet_life life = {0};
    bool alive = false;
    size_t count = 0;

    gap_most = gap_most > GAP_LEAST_STEPS ? gap_most : GAP_LEAST_STEPS;
    for (size_t i = 0; i < steps; i++) {
        if (isnan(values[i])) {
            continue;
        }
        bool born = alive ? restarted(restarts, life.to - 1, i) : restarts[i];
        bool gap = alive && i - life.to > gap_most;

        if (!alive || born || gap) {
            count = alive ? append(out, count, life, cuts) : count;
            cuts->gaps += gap && !born;
            life = (struct seep_fleet_life){.from = i, .born = born};
            alive = true;
        } else {
            cuts->missing += i - life.to;
        }
        life.to = i + 1;
    }
    return alive ? append(out, count, life, cuts) : count;
}

size_t seep_fleet_life_points(const double *values, const struct seep_fleet_life *life,
                              double step_s, double *t_s, double *y)
{
    size_t n = 0;

    for (size_t i = life->from; i < life->to; i++) {
        if (!isnan(values[i])) {
            t_s[n] = (double)(i - life->from) * step_s;
            y[n++] = values[i];
        }
    }
    return n;
}
