/* Two runs compared.
 *
 * Verdicts alone may not be compared: a longer run finds what a shorter one could not,
 * and that is no regression. So a verdict says what is worth looking at, and ranges of
 * growth say whether it changed. A range is as wide as the slope's own, and at least as
 * wide as the count of what came (Poisson) and the grain of one resource allow: slopes of
 * counts are smoother than the chance behind them.
 *
 * Runs that did unlike amounts of work are told by time and by operations; unless the
 * user chose one, a change must show in both.
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/diff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diff/alignment.h"
#include "diff/diff_work.h"
#include "diff/rate.h"
#include "diff/site_match.h"
#include "diff/site_set.h"
#include "series/mark_series.h"
#include "series/series.h"
#include "series/window.h"
#include "verdict/growth_scan.h"

static const double TOGETHER_LEAST = 0.5; /* of a change, when its twins are counted */
static const double Z95 = 1.959964;       /* two-sided 95 % of the normal distribution */
/* None seen of what comes by chance: 95 % for less than 3 in all. Source: Hanley and
 * Lippman-Hand 1983, JAMA 249(13), 1743-1745. */
static const double NONE_SEEN_MOST = 3;

struct comparison {
    const struct seep_diff_side *sides[2];
    const struct seep_recording *recordings[2];
    struct seep_window windows[2];
    struct seep_series series[2];
    struct seep_site_table tables[2];
    size_t *mate[2];   /* of each site: that of the other run */
    uint64_t *keys[2]; /* of each site: seep_site_key */
    double *work[2];   /* operations done at each snapshot; NULL unknown */
    struct seep_diff *out;
};

static bool counts(const struct seep_finding *finding)
{
    return finding->verdict >= SEEP_VERDICT_SUSPECT && finding->site != 0;
}

/* Growth of what the series of that run has been read from. */
static struct seep_diff_rate rate_read(const struct comparison *all, unsigned side,
                                       bool of_bytes, double grain)
{
    const struct seep_window *window = &all->windows[side];
    const struct seep_series *series = &all->series[side];
    double seconds = seep_window_seconds(all->recordings[side], window);

    if (seep_window_points(window) < 3 || seconds <= 0) {
        return (struct seep_diff_rate){0, -INFINITY, INFINITY};
    }
    struct seep_slope slope = seep_growth_slope(
        window, series->t_s, of_bytes ? series->live_bytes : series->live);
    double came = fabs(slope.u_per_s) * seconds / fmax(grain, 1);
    double least = Z95 * sqrt(fmax(came, 1)) * grain / seconds;

    return (struct seep_diff_rate){slope.u_per_s,
                                   fmin(slope.low_u_per_s, slope.u_per_s - least),
                                   fmax(slope.high_u_per_s, slope.u_per_s + least)};
}

/* Growth of the sites of one run, together. */
static struct seep_diff_rate rate_of(struct comparison *all, unsigned side,
                                     const struct seep_site_set *set, bool of_bytes)
{
    seep_site_set_read(set, &all->tables[side], all->recordings[side],
                       &all->series[side]);
    return rate_read(all, side, of_bytes,
                     seep_site_set_grain(set, &all->tables[side], all->recordings[side]));
}

/* Of a site that the run has not: less than one that was never seen may grow. It was not
 * seen in the whole run, warm-up too. */
static struct seep_diff_rate rate_of_none(const struct comparison *all, unsigned side,
                                          double grain)
{
    const struct seep_series *series = &all->series[side];
    double seconds = series->n > 0 ? series->t_s[series->n - 1] : 0;

    return (struct seep_diff_rate){
        0, 0, seconds > 0 ? NONE_SEEN_MOST * grain / seconds : INFINITY};
}

/* The direction that the chosen units agree on. Sets the entry's confidence. */
static int judge_direction(const struct comparison *all, struct seep_diff_entry *entry)
{
    const struct seep_diff_work *work = &all->out->work;
    bool alike = entry->base != NULL && entry->fresh != NULL;
    struct seep_diff_rate base = entry->base_rate;
    struct seep_diff_rate fresh = entry->fresh_rate;
    int by_time = seep_rate_direction(&base, &fresh, alike);

    entry->confidence = seep_rate_confidence(&base, &fresh);
    if (all->out->per == SEEP_PER_TIME) {
        return by_time;
    }
    base = seep_rate_times(base, 1 / work->base_per_s);
    fresh = seep_rate_times(fresh, 1 / work->fresh_per_s);

    int by_work = seep_rate_direction(&base, &fresh, alike);
    double confidence = seep_rate_confidence(&base, &fresh);

    if (all->out->per == SEEP_PER_OPERATION) {
        entry->confidence = confidence;
        return by_work;
    }
    entry->confidence = fmin(entry->confidence, confidence);
    return by_time == by_work ? by_time : 0;
}

static bool is_short(const struct comparison *all, unsigned side)
{
    return seep_growth_too_little(all->recordings[side], &all->windows[side]) != NULL;
}

/* Whether the base run ended before the fresh one came to this site at all. */
static bool came_later(const struct comparison *all, const struct seep_diff_entry *entry)
{
    return !entry->matched && entry->fresh != NULL &&
           all->recordings[1]->sites[entry->fresh->site].first_ns >
               all->recordings[0]->ended_ns;
}

static double most_in(const struct seep_window *window, const double *values)
{
    double most = -1;

    for (size_t i = window->warm; i < window->end; i++) {
        most = fmax(most, values[i]);
    }
    return most;
}

/* Why growth that is larger in NEW is none of its build's; NULL when it is. Reads the
 * series of both. */
static const char *excuse(struct comparison *all, const struct seep_diff_entry *entry,
                          const struct seep_site_set sets[2])
{
    const struct seep_window *window = &all->windows[1];
    struct seep_alignment_run runs[2];

    for (unsigned i = 0; i < 2; i++) {
        seep_site_set_read(&sets[i], &all->tables[i], all->recordings[i],
                           &all->series[i]);
        runs[i] = (struct seep_alignment_run){
            all->series[i].n,
            all->out->per != SEEP_PER_OPERATION ? all->series[i].t_s : NULL,
            entry->of_bytes ? all->series[i].live_bytes : all->series[i].live,
            all->work[i]};
    }
    if (window->end <= window->warm + 1) {
        return NULL;
    }
    if (entry->change == SEEP_CHANGE_NEW &&
        runs[1].values[window->end - 1] <= most_in(&all->windows[0], runs[0].values)) {
        return "BASE held as much";
    }
    double seconds = seep_window_seconds(all->recordings[1], window);

    return seep_alignment_grew_alike(&runs[0], &runs[1], window->warm, window->end - 1,
                                     entry->fresh_rate.per_s * seconds,
                                     SEEP_RATE_RATIO_LEAST);
}

/* Growth of all sites with the keys of a set of the run `from`, together. */
static struct seep_diff_rate rate_of_keys(struct comparison *all, unsigned side,
                                          unsigned from, const struct seep_site_set *set,
                                          bool of_bytes, double grain)
{
    const struct seep_site_table *table = &all->tables[side];
    struct seep_series *series = &all->series[side];
    bool any = false;

    seep_series_sum_begin(series);
    for (size_t i = 0; i < table->count; i++) {
        bool same = false;

        for (size_t k = 0; k < set->count && !same; k++) {
            same = all->keys[side][i] == all->keys[from][set->at[k]];
        }
        if (same) {
            seep_series_sum_add(series, all->recordings[side], table->ids[i]);
            any = true;
        }
    }
    seep_series_sum_end(series);
    return any ? rate_read(all, side, of_bytes, grain) : rate_of_none(all, side, grain);
}

/* NEW's growth less BASE's, in the unit that was asked for. */
static double difference(const struct comparison *all,
                         const struct seep_diff_entry *entry)
{
    const struct seep_diff_work *work = &all->out->work;

    return all->out->per == SEEP_PER_OPERATION
               ? entry->fresh_rate.per_s / work->fresh_per_s -
                     entry->base_rate.per_s / work->base_per_s
               : entry->fresh_rate.per_s - entry->base_rate.per_s;
}

/* Whether the change is still there when all calls of the same functions are counted: a
 * compiler that copies a call, or a loop of its own for a rush, moves growth from one
 * site to its twin. */
static bool holds_together(struct comparison *all, const struct seep_diff_entry *entry,
                           const struct seep_site_set sets[2], double grain)
{
    struct seep_diff_entry group = *entry;
    struct seep_diff_rate *rates[] = {&group.base_rate, &group.fresh_rate};

    for (unsigned i = 0; i < 2; i++) {
        unsigned from = sets[i].count > 0 ? i : 1 - i;

        *rates[i] = rate_of_keys(all, i, from, &sets[from], entry->of_bytes, grain);
    }
    double change = difference(all, entry);
    double together = difference(all, &group);

    return judge_direction(all, &group) == (change > 0 ? 1 : -1) &&
           together / change >= TOGETHER_LEAST;
}

static void conclude(const struct comparison *all, struct seep_diff_entry *entry)
{
    int way = judge_direction(all, entry);
    bool both = entry->base != NULL && entry->fresh != NULL;

    entry->why = "";
    if (both) {
        entry->change = way > 0   ? SEEP_CHANGE_WORSE
                        : way < 0 ? SEEP_CHANGE_BETTER
                                  : SEEP_CHANGE_SAME;
    } else if (entry->fresh != NULL) {
        entry->change =
            way > 0 && !came_later(all, entry) ? SEEP_CHANGE_NEW : SEEP_CHANGE_UNSURE;
    } else {
        entry->change = way < 0 ? SEEP_CHANGE_GONE : SEEP_CHANGE_UNSURE;
    }
    if (entry->change == SEEP_CHANGE_UNSURE) {
        entry->why = came_later(all, entry) ? "BASE ended before this code first ran"
                     : is_short(all, 0)     ? "BASE is too short to tell"
                     : is_short(all, 1)     ? "NEW is too short to tell"
                                            : "the ranges of growth overlap";
    }
}

/* The worst finding that speaks for any of the sites; NULL. */
static const struct seep_finding *finding_of(const struct comparison *all, unsigned side,
                                             const struct seep_site_set *set)
{
    const struct seep_findings *findings = all->sides[side]->findings;

    for (size_t i = 0; i < findings->finding_count; i++) {
        if (counts(&findings->findings[i]) &&
            seep_site_set_has(set, &all->tables[side], &findings->findings[i])) {
            return &findings->findings[i];
        }
    }
    return NULL;
}

/* Takes back a change that is none of the build's. */
static void doubt(struct comparison *all, struct seep_diff_entry *entry,
                  const struct seep_site_set sets[2], double grain)
{
    const char *why = NULL;

    if (!seep_change_is_told(entry)) {
        return;
    }
    if (!holds_together(all, entry, sets, grain)) {
        why = "all calls of these functions together have not changed";
    } else if (entry->change <= SEEP_CHANGE_WORSE && entry->matched) {
        why = excuse(all, entry, sets);
    }
    if (why != NULL) {
        entry->change = SEEP_CHANGE_UNSURE;
        entry->why = why;
    }
}

/* An entry about the same sites of both runs; either may have none of them.
 * Returns: 0; -ENOMEM. */
static int add(struct comparison *all, const struct seep_site_set sets[2])
{
    int status = 0;
    struct seep_diff_entry *entry = &all->out->entries[all->out->count++];
    unsigned known = sets[1].count > 0;
    const struct seep_recording *recording = all->recordings[known];
    uint32_t site = all->tables[known].ids[sets[known].at[0]];
    double grain = seep_site_set_grain(&sets[known], &all->tables[known], recording);
    struct seep_diff_rate rates[2];

    *entry = (struct seep_diff_entry){
        .base = finding_of(all, 0, &sets[0]),
        .fresh = finding_of(all, 1, &sets[1]),
        .matched = sets[0].count > 0 && sets[1].count > 0,
        .of_bytes =
            seep_site_set_is_of_bytes((enum seep_kind)recording->sites[site].kind),
    };
    for (unsigned i = 0; i < 2 && status == 0; i++) {
        rates[i] = sets[i].count > 0 ? rate_of(all, i, &sets[i], entry->of_bytes)
                                     : rate_of_none(all, i, grain);
        status = seep_site_set_draw(&sets[i], &all->tables[i], all->recordings[i],
                                    &all->series[i], entry->of_bytes, &entry->curves[i]);
    }
    if (status < 0) {
        return status;
    }
    entry->base_rate = rates[0];
    entry->fresh_rate = rates[1];
    conclude(all, entry);
    doubt(all, entry, sets, grain);
    all->out->of_change[entry->change]++;
    return 0;
}

/* The other run's finding on the same sites, or, of a finding on a caller, on a caller
 * with the same functions; NULL. */
static const struct seep_finding *same_finding(const struct comparison *all,
                                               unsigned side,
                                               const struct seep_finding *finding,
                                               const struct seep_site_set *others)
{
    const struct seep_findings *findings = all->sides[1 - side]->findings;
    const struct seep_finding *found = finding_of(all, 1 - side, others);

    for (size_t i = 0;
         finding->site_count > 0 && found == NULL && i < findings->finding_count; i++) {
        const struct seep_finding *other = &findings->findings[i];

        if (counts(other) && other->site_count > 0 &&
            strcmp(other->id, finding->id) == 0) {
            found = other;
        }
    }
    return found;
}

/* The sites of a finding of one run, and the other's. Returns: 0; -ENOMEM. */
static int gather(const struct comparison *all, unsigned side,
                  const struct seep_finding *finding, struct seep_site_set sets[2],
                  const struct seep_finding **other)
{
    struct seep_site_set more = {0};
    unsigned far = 1 - side;
    int status = seep_site_set_of(&all->tables[side], finding, &sets[side]);

    if (status == 0) {
        status = seep_site_set_map(&sets[side], all->mate[side], &sets[far]);
    }
    *other = status == 0 ? same_finding(all, side, finding, &sets[far]) : NULL;
    if (*other != NULL && finding->site_count > 0 && (*other)->site_count > 0) {
        status = seep_site_set_of(&all->tables[far], *other, &more);
        if (status == 0) {
            status = seep_site_set_add_unmatched(&sets[far], &more, all->mate[far]);
        }
        seep_site_set_fini(&more);
    }
    return status;
}

/* Entries of one run's findings; BASE's where NEW has none on the same.
 * Returns: 0; -ENOMEM. */
static int compare_side(struct comparison *all, unsigned side)
{
    const struct seep_findings *findings = all->sides[side]->findings;
    int status = 0;

    for (size_t i = 0; i < findings->finding_count && status == 0; i++) {
        struct seep_site_set sets[2] = {{0}, {0}};
        const struct seep_finding *other = NULL;

        if (!counts(&findings->findings[i])) {
            continue;
        }
        status = gather(all, side, &findings->findings[i], sets, &other);
        if (status == 0 && sets[side].count > 0 && (side == 1 || other == NULL)) {
            status = add(all, sets);
        }
        seep_site_set_fini(&sets[0]);
        seep_site_set_fini(&sets[1]);
    }
    return status;
}

static int compare(struct comparison *all)
{
    int status = compare_side(all, 1);

    return status < 0 ? status : compare_side(all, 0);
}

static int by_weight(const void *left, const void *right)
{
    const struct seep_diff_entry *a = left;
    const struct seep_diff_entry *b = right;
    const struct seep_finding *x = seep_change_finding(a);
    const struct seep_finding *y = seep_change_finding(b);
    double more_a = fabs(a->fresh_rate.per_s - a->base_rate.per_s);
    double more_b = fabs(b->fresh_rate.per_s - b->base_rate.per_s);

    if (a->change != b->change) {
        return (int)a->change - (int)b->change;
    }
    if (x->verdict != y->verdict) {
        return (int)y->verdict - (int)x->verdict;
    }
    if (a->of_bytes != b->of_bytes) {
        return (int)a->of_bytes - (int)b->of_bytes;
    }
    return more_a != more_b ? (more_a < more_b) - (more_a > more_b)
                            : strcmp(x->id, y->id);
}

static int match(struct comparison *all)
{
    size_t room =
        all->sides[0]->findings->finding_count + all->sides[1]->findings->finding_count;
    int status = 0;

    for (unsigned i = 0; i < 2 && status == 0; i++) {
        status = seep_site_table_make(all->recordings[i], all->sides[i]->symbolizer,
                                      &all->windows[i], &all->tables[i]);
    }
    if (status < 0) {
        return status;
    }
    for (unsigned i = 0; i < 2; i++) {
        all->keys[i] = calloc(all->tables[i].count + 1, sizeof(*all->keys[i]));
        for (size_t k = 0; all->keys[i] != NULL && k < all->tables[i].count; k++) {
            all->keys[i][k] = seep_site_key(&all->tables[i].sites[k]);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        all->mate[i] = calloc(all->tables[i].count + 1, sizeof(*all->mate[i]));
    }
    all->out->entries = calloc(room + 1, sizeof(*all->out->entries));
    if (all->mate[0] == NULL || all->mate[1] == NULL || all->out->entries == NULL ||
        all->keys[0] == NULL || all->keys[1] == NULL) {
        return -ENOMEM;
    }
    status = seep_site_match(all->tables[0].sites, all->tables[0].count,
                             all->tables[1].sites, all->tables[1].count, all->mate[1]);
    for (size_t i = 0; i < all->tables[0].count; i++) {
        all->mate[0][i] = SEEP_MATCH_NONE;
    }
    for (size_t i = 0; status == 0 && i < all->tables[1].count; i++) {
        if (all->mate[1][i] != SEEP_MATCH_NONE) {
            all->mate[0][all->mate[1][i]] = i;
        }
    }
    return status;
}

/* How much either run had done at each snapshot: by its marks while they last, else what
 * the busiest site had acquired; nothing by which the user does not want to compare. */
static int count_work(struct comparison *all)
{
    const struct seep_diff_work *work = &all->out->work;
    bool by_mark = work->by_mark && seep_marks_are_whole(all->recordings[0]) &&
                   seep_marks_are_whole(all->recordings[1]);

    if (all->out->per == SEEP_PER_TIME ||
        (!by_mark && (work->busy[0] == 0 ||
                      (work->by_mark && all->out->per == SEEP_PER_OPERATION)))) {
        return 0;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct seep_series *series = &all->series[i];

        all->work[i] = calloc(series->n + 1, sizeof(*all->work[i]));
        if (all->work[i] == NULL) {
            return -ENOMEM;
        }
        if (by_mark) {
            seep_marks_count(all->recordings[i], work->what, all->work[i]);
            continue;
        }
        const struct seep_rec_site *busy = &all->recordings[i]->sites[work->busy[i]];

        for (size_t k = 0; k < series->n; k++) {
            all->work[i][k] = (double)seep_points_at(&busy->points, k).acquired;
        }
    }
    return 0;
}

static bool anything_found(const struct seep_findings *findings)
{
    for (size_t i = 0; i < findings->finding_count; i++) {
        if (counts(&findings->findings[i])) {
            return true;
        }
    }
    return false;
}

static int run(struct comparison *all, enum seep_diff_per per)
{
    static const struct seep_window_options whole = {.since_s = -1, .until_s = -1};
    int status = 0;

    for (unsigned i = 0; i < 2 && status == 0; i++) {
        all->windows[i] = seep_window_choose(all->recordings[i], &whole);
        status = seep_series_new(all->recordings[i], &all->series[i]);
    }
    if (status == 0) {
        status = match(all);
    }
    if (status < 0) {
        return status;
    }
    all->out->work =
        seep_diff_work_of(all->recordings, all->windows, all->tables, all->mate[1]);
    all->out->per = all->out->work.known ? per : SEEP_PER_TIME;
    status = count_work(all);
    if (status == 0) {
        status = compare(all);
    }
    qsort(all->out->entries, all->out->count, sizeof(*all->out->entries), by_weight);
    return status;
}

int seep_diff_make(const struct seep_diff_side *base, const struct seep_diff_side *fresh,
                   enum seep_diff_per per, struct seep_diff *out)
{
    struct seep_diff made = {.per = per, .work = {.what = ""}};
    struct comparison all = {.sides = {base, fresh},
                             .recordings = {base->recording, fresh->recording},
                             .out = &made};
    int status = 0;

    if (anything_found(base->findings) || anything_found(fresh->findings)) {
        status = run(&all, per);
    }
    for (unsigned i = 0; i < 2; i++) {
        seep_series_free(&all.series[i]);
        seep_site_table_fini(&all.tables[i]);
        free(all.work[i]);
        free(all.keys[i]);
        free(all.mate[i]);
    }
    if (status < 0) {
        seep_diff_fini(&made);
    } else {
        *out = made;
    }
    return status;
}

void seep_diff_fini(struct seep_diff *diff)
{
    for (size_t i = 0; i < diff->count; i++) {
        free(diff->entries[i].curves[0].values);
        free(diff->entries[i].curves[1].values);
    }
    free(diff->entries);
    *diff = (struct seep_diff){0};
}

enum seep_verdict seep_diff_worst(const struct seep_diff *diff)
{
    enum seep_verdict worst = SEEP_VERDICT_NONE;

    for (size_t i = 0; i < diff->count; i++) {
        const struct seep_diff_entry *entry = &diff->entries[i];

        if (entry->change <= SEEP_CHANGE_WORSE && entry->fresh->verdict > worst) {
            worst = entry->fresh->verdict;
        }
    }
    return worst;
}
