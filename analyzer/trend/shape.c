/* How a series grows.
 *
 * Each shape is one way in which leaking programs leak, and each asks for another remedy:
 * a container wants a bound, a slow release a faster consumer, steps a look at what
 * happens then. The rules go from what only one kind of bug looks like to what nearly all
 * do; the first that fits names the shape. Whether the series grows at all is not asked
 * here: the verdict has decided that.
 *
 * A classifier that was fitted to simulated series was rejected: nobody could say why a
 * finding bears its name, and the simulations are ours.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/shape.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "trend/envelope.h"

enum {
    BLOCKS = 12,
    SCANS_MIN = 4,
    FALLS_MIN = 3,
    STEPS_LEAST = 2,
    STEP_RUN_MAX = 3,
    SUDDEN_MAX = 2
};
static const double CONTAINER_COUNT_SHARE_MAX = 0.2; /* of the rise in bytes, by count */
static const double CONTAINER_BLOCKS_RISE_MAX = 4;
static const double CONTAINER_BLOCKS_RISE_RATIO = 0.25;
static const double CAME_AND_WENT_MIN = 0.5; /* released, of what was acquired */
static const double AGEING_MIN = 0.05;       /* seconds of age per second */
static const double AGEING_MAX = 0.9;        /* 1: the oldest is never released */
static const double AGE_FACTOR_MIN = 1.25;   /* over the window */
static const double TOOTH_RATIO = 0.35;      /* of the range around the trend */
static const double DEEP_SHARE_MIN = 0.7;    /* of the way down, in deep falls */
static const double RISES_RATIO_MAX = 0.34;  /* sudden rises, of the sudden falls */
static const double STEPS_SHARE = 0.8;       /* of all that was added */
static const double STEPS_DOWN_MAX = 0.2;    /* came off, of what was added */
static const double STEP_UNITS_MIN = 4;      /* one at a time is no step */
static const double STEPS_POINTS_RATIO = 1.0 / 5;
static const double FLAT_SHARE_MIN = 0.7;
static const double FLAT_RATIO = 0.05; /* of a step */
static const double OPERATIONS_PER_STEP_MIN = 5;

struct ends {
    double first, last; /* of the lower envelope */
};

static struct ends ends_of(const double *y, size_t n)
{
    double minima[BLOCKS];

    (void)seep_envelope_minima(y, n, BLOCKS, minima); /* n >= BLOCKS */
    return (struct ends){minima[0], minima[BLOCKS - 1]};
}

static bool is_container(const struct seep_shape_series *series,
                         struct seep_shape_found *found)
{
    struct ends live = ends_of(series->live, series->n);
    struct ends bytes = ends_of(series->live_bytes, series->n);
    double blocks = live.last - live.first;
    double size_from = live.first > 0 ? bytes.first / live.first : 0;
    double size_to = live.last > 0 ? bytes.last / live.last : 0;
    double by_count = blocks * (live.first > 0 ? size_from : size_to);

    if (bytes.last <= bytes.first ||
        by_count > CONTAINER_COUNT_SHARE_MAX * (bytes.last - bytes.first) ||
        blocks >
            fmax(CONTAINER_BLOCKS_RISE_MAX, CONTAINER_BLOCKS_RISE_RATIO * live.first)) {
        return false;
    }
    found->block_from_bytes = size_from;
    found->block_to_bytes = size_to;
    return true;
}

/* The oldest grows older, but slower than the clock runs: it is released in the end. */
static bool is_slow_release(const struct seep_shape_series *series,
                            struct seep_shape_found *found)
{
    size_t n = series->scans;
    double acquired = series->acquired[series->n - 1] - series->acquired[0];
    double released = series->released[series->n - 1] - series->released[0];

    if (n < SCANS_MIN || released < CAME_AND_WENT_MIN * acquired) {
        return false;
    }
    size_t third = (n + 2) / 3;
    double from_s = series->oldest_age_s[0];
    double to_s = series->oldest_age_s[n - third];

    for (size_t i = 1; i < third; i++) {
        from_s = fmax(from_s, series->oldest_age_s[i]);
        to_s = fmin(to_s, series->oldest_age_s[n - third + i]);
    }
    double span_s = series->scan_t_s[n - 1] - series->scan_t_s[0];
    double ageing =
        (series->oldest_age_s[n - 1] - series->oldest_age_s[0]) / span_s; /* > 0 */

    if (ageing < AGEING_MIN || ageing > AGEING_MAX || to_s < from_s ||
        series->oldest_age_s[n - 1] < AGE_FACTOR_MIN * series->oldest_age_s[0]) {
        return false;
    }
    found->age_from_s = series->oldest_age_s[0];
    found->age_to_s = series->oldest_age_s[n - 1];
    return true;
}

/* The range around the straight line from the first value to the last. */
static double range_around_trend(const double *y, size_t n)
{
    double slope = (y[n - 1] - y[0]) / (double)(n - 1);
    double low = 0;
    double high = 0;

    for (size_t i = 0; i < n; i++) {
        double off = y[i] - y[0] - slope * (double)i;

        low = fmin(low, off);
        high = fmax(high, off);
    }
    return high - low;
}

/* What a series does between two turns: runs of changes of one sign. */
struct teeth {
    double deep;            /* least that a tooth falls by */
    double down, deep_down; /* sums of all falls, and of the deep ones */
    size_t falls, rises;    /* deep and sudden ones */
    size_t halves[2];       /* deep falls in each half of the series */
    double floors[2];       /* after the first of them and after the last */
};

static void take_run(struct teeth *teeth, const double *y, size_t n, size_t from,
                     size_t to)
{
    double change = y[to] - y[from];
    bool sudden = to - from <= SUDDEN_MAX;

    teeth->down -= fmin(change, 0);
    if (change <= -teeth->deep && sudden) {
        teeth->floors[1] = y[to];
        teeth->floors[0] = teeth->falls == 0 ? y[to] : teeth->floors[0];
        teeth->halves[to >= n / 2]++;
        teeth->falls++;
        teeth->deep_down -= change;
    }
    teeth->rises += change >= teeth->deep && sudden;
}

/* Sudden falls through a good part of the range, with slow climbs between. In noise there
 * are as many sudden rises, and most of the way down is made in small falls. */
static bool is_saw_tooth(const double *y, size_t n, struct seep_shape_found *found)
{
    struct teeth teeth = {.deep = TOOTH_RATIO * range_around_trend(y, n)};
    size_t from = 0;

    for (size_t i = 1; i < n && teeth.deep > 0; i++) {
        bool turns = i + 1 == n || (y[i + 1] - y[i]) * (y[i] - y[i - 1]) <= 0;

        if (turns) {
            take_run(&teeth, y, n, from, i);
            from = i;
        }
    }
    if (teeth.falls < FALLS_MIN || teeth.halves[0] == 0 || teeth.halves[1] == 0 ||
        (double)teeth.rises > RISES_RATIO_MAX * (double)teeth.falls ||
        teeth.deep_down < DEEP_SHARE_MIN * teeth.down ||
        teeth.floors[1] <= teeth.floors[0]) {
        return false;
    }
    found->teeth = teeth.falls;
    found->floor_from = teeth.floors[0];
    found->floor_to = teeth.floors[1];
    return true;
}

/* The steps while they are gathered: the largest, by size. */
struct steps {
    size_t count;
    size_t from[SEEP_SHAPE_STEPS_MAX], to[SEEP_SHAPE_STEPS_MAX]; /* indexes */
    double size[SEEP_SHAPE_STEPS_MAX];                           /* largest first */
};

static void keep(struct steps *steps, double size, size_t from, size_t to)
{
    size_t i = steps->count;

    if (i == SEEP_SHAPE_STEPS_MAX && steps->size[--i] >= size) {
        return;
    }
    steps->count = i + 1;
    for (; i > 0 && steps->size[i - 1] < size; i--) {
        steps->size[i] = steps->size[i - 1];
        steps->from[i] = steps->from[i - 1];
        steps->to[i] = steps->to[i - 1];
    }
    steps->size[i] = size;
    steps->from[i] = from;
    steps->to[i] = to;
}

/* Runs of rises are one step each; those too long for a step are none. */
static void gather(const double *y, size_t n, struct steps *steps, double *up,
                   double *down)
{
    double size = 0;
    size_t length = 0;

    *up = 0;
    *down = 0;
    for (size_t i = 1; i <= n; i++) {
        double change = i < n ? y[i] - y[i - 1] : 0;

        if (change > 0) {
            size += change;
            length++;
            *up += change;
            continue;
        }
        if (length > 0 && length <= STEP_RUN_MAX) {
            keep(steps, size, i - 1 - length, i - 1);
        }
        size = 0;
        length = 0;
        *down -= change;
    }
}

static void sort_by_place(size_t *at, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t j = i; j > 0 && at[j - 1] > at[j]; j--) {
            size_t kept = at[j];

            at[j] = at[j - 1];
            at[j - 1] = kept;
        }
    }
}

static bool is_steps(const double *y, size_t n, double unit,
                     struct seep_shape_found *found)
{
    struct steps steps = {0};
    double up = 0;
    double down = 0;
    double sum = 0;
    size_t most = (size_t)((double)n * STEPS_POINTS_RATIO);
    size_t k = 0;
    size_t flat = 0;

    gather(y, n, &steps, &up, &down);
    while (k < steps.count && sum < STEPS_SHARE * up) {
        sum += steps.size[k++];
    }
    if (k < STEPS_LEAST || k > most || sum < STEPS_SHARE * up ||
        down > STEPS_DOWN_MAX * up) {
        return false;
    }
    double median = steps.size[k / 2];

    for (size_t i = 1; i < n; i++) {
        flat += fabs(y[i] - y[i - 1]) <= FLAT_RATIO * median;
    }
    if (median < STEP_UNITS_MIN * unit || (double)flat < FLAT_SHARE_MIN * (double)n) {
        return false;
    }
    found->steps = k;
    found->step = median;
    memcpy(found->step_from, steps.from, k * sizeof(steps.from[0]));
    memcpy(found->step_to, steps.to, k * sizeof(steps.to[0]));
    sort_by_place(found->step_from, k); /* steps do not overlap: pairs stay pairs */
    sort_by_place(found->step_to, k);
    return true;
}

struct seep_shape_found seep_shape_of(const struct seep_shape_series *series)
{
    struct seep_shape_found found = {0};
    size_t n = series->n;

    if (n < SEEP_SHAPE_POINTS_MIN) {
        return found;
    }
    struct ends live = ends_of(series->live, n);
    bool counts = live.last > live.first;
    const double *y = counts ? series->live : series->live_bytes;
    double unit = counts || series->live[n - 1] <= 0
                      ? 1
                      : series->live_bytes[n - 1] / series->live[n - 1];

    if (series->operations != NULL) {
        found.pace =
            seep_pace_compare(series->t_s, series->operations, y, n, counts ? 1 : 0);
    }
    if (is_container(series, &found)) {
        found.shape = SEEP_SHAPE_CONTAINER;
    } else if (is_slow_release(series, &found)) {
        found.shape = SEEP_SHAPE_SLOW_RELEASE;
    } else if (is_saw_tooth(y, n, &found)) {
        found.shape = SEEP_SHAPE_SAW_TOOTH;
    } else if (is_steps(y, n, unit, &found)) {
        found.shape = SEEP_SHAPE_STEPS;
    } else {
        found.shape = SEEP_SHAPE_STEADY;
    }
    if (found.pace.by == SEEP_PACE_OPERATIONS &&
        (found.shape == SEEP_SHAPE_STEADY ||
         (found.shape == SEEP_SHAPE_STEPS &&
          found.pace.operations >= OPERATIONS_PER_STEP_MIN * (double)found.steps))) {
        found.shape = SEEP_SHAPE_PER_OPERATION;
    }
    return found;
}
