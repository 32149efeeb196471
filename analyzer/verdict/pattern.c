/* Which of the known ways to leak a finding follows, and in which words.
 *
 * The shape is trend's; here it is given what only the recording knows: the ages of the
 * scans, the units of work, and what else happened when the steps came. Of several units
 * the one that explains best is taken; each more that was tried raises the bar, as its
 * best is better by chance.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fmt.h"
#include "base/whole.h"
#include "trend/shape.h"
#include "verdict/stack_view.h"
#include "verdict/summary_holding.h"
#include "verdict/summary_text.h"

static const double WITH_MIN = 0.8;           /* of the steps, with such an event */
static const double WITH_BY_CHANCE = 1.0 / 3; /* of all snapshots, at most */

/* What the work on one finding needs. */
struct work {
    struct seep_analysis *analysis;
    const struct seep_units *units;
    const struct seep_pattern_series *series;
    struct seep_shape_series shape; /* of the window */
    double *scans;                  /* owned: times, then ages */
};

/* The age of the oldest in each scan of the window in which something was alive. */
static int read_scans(struct work *work)
{
    const struct seep_recording *recording = work->analysis->recording;
    const struct seep_window *window = &work->analysis->window;
    uint64_t from_ns = recording->snapshots[window->warm].t_ns;
    uint64_t to_ns = recording->snapshots[window->end - 1].t_ns;
    size_t n = 0;

    work->scans = calloc(recording->ages_count + 1, 2 * sizeof(*work->scans));
    if (work->scans == NULL) {
        return -ENOMEM;
    }
    double *ages = work->scans + recording->ages_count + 1;

    for (size_t i = 0; i < recording->ages_count && work->series->site != 0; i++) {
        const struct seep_rec_ages *scan = &recording->ages[i];
        struct seep_rec_age age;
        double t_s = (double)scan->t_ns / 1e9;

        if (scan->t_ns < from_ns || scan->t_ns > to_ns ||
            !seep_age_scan_find(scan, work->series->site, &age) || age.live == 0 ||
            age.oldest_birth_ns > scan->t_ns || (n > 0 && t_s <= work->scans[n - 1])) {
            continue;
        }
        work->scans[n] = t_s;
        ages[n++] = (double)(scan->t_ns - age.oldest_birth_ns) / 1e9;
    }
    work->shape.scans = n;
    work->shape.scan_t_s = work->scans;
    work->shape.oldest_age_s = ages;
    return 0;
}

/* The units to be tried on this finding: all marks, else the busiest site but itself. */
static size_t units_for(const struct work *work, const struct seep_unit **tried)
{
    size_t n = 0;

    for (size_t i = 0; i < work->units->count; i++) {
        const struct seep_unit *unit = &work->units->units[i];

        if (unit->label != NULL) {
            tried[n++] = unit;
        } else if (unit->site != work->series->site && n == 0) {
            tried[n++] = unit;
        }
    }
    return n;
}

/* The shape with the unit that explains best. The clock wins only against all units.
 * *best: NULL when nothing decides. */
static struct seep_shape_found find_shape(struct work *work, size_t warm,
                                          const struct seep_unit **best)
{
    const struct seep_unit *units[SEEP_UNITS_MAX];
    size_t n = units_for(work, units);
    double bar = SEEP_PACE_SUPPORT_MIN + 2 * log((double)n);
    struct seep_shape_found found = seep_shape_of(&work->shape);
    size_t by_time = 0;

    *best = NULL;
    for (size_t i = 0; i < n; i++) {
        work->shape.operations = units[i]->cumulative + warm;
        struct seep_shape_found tried = seep_shape_of(&work->shape);

        by_time += tried.pace.by == SEEP_PACE_TIME && tried.pace.support <= -bar;
        if (tried.pace.by == SEEP_PACE_OPERATIONS && tried.pace.support >= bar &&
            (*best == NULL || tried.pace.support > found.pace.support)) {
            found = tried;
            *best = units[i];
        }
    }
    if (*best == NULL && n > 0 && by_time == n) {
        found.pace.by = SEEP_PACE_TIME;
        *best = units[0];
    }
    return found;
}

/* "http request" and "http requests" from either; good enough for labels. */
static void name_mark(struct seep_findings *findings, const char *label,
                      struct seep_view_pattern *pattern)
{
    size_t n = strlen(label);
    bool plural = n > 1 && label[n - 1] == 's' && strchr("su", label[n - 2]) == NULL;
    bool y = n > 1 && label[n - 1] == 'y' && strchr("aeiou", label[n - 2]) == NULL;
    bool word = n > 0 && isalpha((unsigned char)label[n - 1]);

    pattern->unit_one = seep_findings_printf(findings, "%.*s", (int)(n - plural), label);
    if (plural || !word) {
        pattern->unit = seep_findings_text(findings, label);
    } else {
        pattern->unit = seep_findings_printf(findings, "%.*s%s", (int)(n - y), label,
                                             y                     ? "ies"
                                             : label[n - 1] == 's' ? "es"
                                                                   : "s");
    }
}

/* The program's own function that allocates, past the libraries that it calls. */
static const char *own_name(const struct seep_finding *busy)
{
    for (size_t i = 0; i < busy->stack_count; i++) {
        if (busy->stack[i].role == SEEP_ROLE_PROGRAM &&
            strcmp(busy->stack[i].function, "??") != 0) {
            return busy->stack[i].function;
        }
    }
    return busy->headline;
}

static int name_unit(struct seep_analysis *analysis, const struct seep_unit *unit,
                     struct seep_view_pattern *pattern)
{
    struct seep_finding busy = {.kind = SEEP_KIND_HEAP, .subsystem = ""};
    int status = 0;

    pattern->unit_by_mark = unit->label != NULL;
    if (unit->label != NULL) {
        name_mark(analysis->findings, unit->label, pattern);
        return 0;
    }
    status = seep_stack_view_fill(analysis->findings, analysis->recording,
                                  analysis->symbolizer, unit->site, &busy);
    pattern->unit =
        seep_findings_printf(analysis->findings, "allocations of %s", own_name(&busy));
    pattern->unit_one =
        seep_findings_printf(analysis->findings, "allocation of %s", own_name(&busy));
    return status;
}

/* Whether nearly all steps come with an event that most of the run is without. */
static bool come_together(const struct seep_shape_found *found, const double *events,
                          size_t n)
{
    size_t met = 0;
    size_t eventful = 0;

    for (size_t i = 0; i < found->steps; i++) {
        met += events[found->step_to[i]] > events[found->step_from[i]];
    }
    for (size_t i = 1; i < n; i++) {
        eventful += events[i] > events[i - 1];
    }
    return (double)met >= WITH_MIN * (double)found->steps &&
           (double)eventful <= WITH_BY_CHANCE * (double)(n - 1);
}

/* What the steps come with; "" nothing that is known. */
static const char *find_company(struct work *work, const struct seep_shape_found *found,
                                struct seep_finding *finding)
{
    struct seep_findings *findings = work->analysis->findings;
    size_t warm = work->analysis->window.warm;

    for (size_t i = 0; i < work->units->event_count; i++) {
        const struct seep_unit *event = &work->units->events[i];

        if (come_together(found, event->cumulative + warm, work->shape.n)) {
            finding->pattern.with = "mark";
            return seep_findings_printf(findings, ", each at the program's mark \"%s\"",
                                        event->label);
        }
    }
    if (finding->kind != SEEP_KIND_FD &&
        come_together(found, work->units->opened + warm, work->shape.n)) {
        finding->pattern.with = "fd";
        return ", each when descriptors are opened (a reconnect?)";
    }
    if (finding->kind != SEEP_KIND_THREAD &&
        come_together(found, work->units->started + warm, work->shape.n)) {
        finding->pattern.with = "thread";
        return ", each when threads are started";
    }
    return "";
}

static const char *say_steps(struct work *work, const struct seep_shape_found *found,
                             struct seep_finding *finding)
{
    const double *live = work->shape.live;
    bool count = live[work->shape.n - 1] > live[0];
    char step[SEEP_FMT_MAX];
    const char *with = find_company(work, found, finding);

    (void)(count ? seep_fmt_count(step, sizeof(step), seep_whole(found->step))
                 : seep_fmt_bytes(step, sizeof(step), found->step));
    return seep_findings_printf(
        work->analysis->findings,
        "It comes in %zu abrupt steps of about %s%s%s, with next to nothing between%s.",
        found->steps, step, count ? " " : "",
        count ? seep_summary_noun(finding->kind, seep_whole(found->step)) : "", with);
}

static const char *say_teeth(struct work *work, const struct seep_shape_found *found,
                             const struct seep_finding *finding)
{
    bool count = work->shape.live[work->shape.n - 1] > work->shape.live[0];
    char from[SEEP_FMT_MAX];
    char to[SEEP_FMT_MAX];

    if (count) {
        (void)seep_fmt_count(from, sizeof(from), seep_whole(found->floor_from));
        (void)seep_fmt_count(to, sizeof(to), seep_whole(found->floor_to));
    } else {
        (void)seep_fmt_bytes(from, sizeof(from), found->floor_from);
        (void)seep_fmt_bytes(to, sizeof(to), found->floor_to);
    }
    return seep_findings_printf(
        work->analysis->findings,
        "A saw-tooth with a rising floor: it came down %zu times, but from %s to %s%s%s "
        "stayed.",
        found->teeth, from, to, count ? " " : "",
        count ? seep_summary_noun(finding->kind, seep_whole(found->floor_to)) : "");
}

static const char *say(struct work *work, const struct seep_shape_found *found,
                       struct seep_finding *finding)
{
    struct seep_findings *findings = work->analysis->findings;
    char from[SEEP_FMT_MAX];
    char to[SEEP_FMT_MAX];

    switch (found->shape) {
    case SEEP_SHAPE_PER_OPERATION:
        return "It grows with the work, not with the clock.";
    case SEEP_SHAPE_STEPS:
        return say_steps(work, found, finding);
    case SEEP_SHAPE_SAW_TOOTH:
        return say_teeth(work, found, finding);
    case SEEP_SHAPE_CONTAINER:
        return seep_findings_printf(
            findings, "A container that only grows: from %s to %s a block.",
            seep_fmt_bytes(from, sizeof(from), found->block_from_bytes),
            seep_fmt_bytes(to, sizeof(to), found->block_to_bytes));
    case SEEP_SHAPE_SLOW_RELEASE:
        return seep_findings_printf(
            findings,
            "All of it is released, but later and later: the oldest was %s old, now %s.",
            seep_fmt_seconds(from, sizeof(from), found->age_from_s),
            seep_fmt_seconds(to, sizeof(to), found->age_to_s));
    default:
        return found->pace.by != SEEP_PACE_TIME ? ""
               : finding->pattern.unit_by_mark
                   ? seep_findings_printf(findings,
                                          "It grows with the clock, not with the %s.",
                                          finding->pattern.unit)
                   : seep_findings_printf(
                         findings, "It grows with the clock, not with the load (%s).",
                         finding->pattern.unit);
    }
}

/* Bytes per operation: as many as there are to the growth of the count, or of themselves
 * where the count says nothing. */
static void fill_pace(const struct work *work, const struct seep_shape_found *found,
                      struct seep_finding *finding)
{
    const struct seep_view_evidence *evidence = &finding->evidence;
    const double *live = work->shape.live;
    const double *bytes = work->shape.live_bytes;
    size_t last = work->shape.n - 1;

    finding->pattern.pace = found->pace.by == SEEP_PACE_TIME ? "time" : "operations";
    if (found->pace.by == SEEP_PACE_TIME) {
        return;
    }
    if (live[last] > live[0] && evidence->growth_per_s > 0) {
        finding->pattern.growth_per_unit = found->pace.per_operation;
        finding->pattern.growth_bytes_per_unit =
            found->pace.per_operation * (bytes[last] - bytes[0]) / (live[last] - live[0]);
    } else {
        finding->pattern.growth_bytes_per_unit = found->pace.per_operation;
    }
}

/* The two lists have the same order; trend knows nothing of findings. */
static enum seep_pattern pattern_of(enum seep_shape shape)
{
    static const enum seep_pattern patterns[] = {
        [SEEP_SHAPE_NONE] = SEEP_PATTERN_NONE,
        [SEEP_SHAPE_STEADY] = SEEP_PATTERN_STEADY,
        [SEEP_SHAPE_PER_OPERATION] = SEEP_PATTERN_PER_OPERATION,
        [SEEP_SHAPE_STEPS] = SEEP_PATTERN_STEPS,
        [SEEP_SHAPE_SAW_TOOTH] = SEEP_PATTERN_SAW_TOOTH,
        [SEEP_SHAPE_CONTAINER] = SEEP_PATTERN_CONTAINER,
        [SEEP_SHAPE_SLOW_RELEASE] = SEEP_PATTERN_SLOW_RELEASE,
    };

    return patterns[shape];
}

int seep_pattern_fill(struct seep_analysis *analysis,
                      const struct seep_pattern_series *series,
                      struct seep_finding *finding)
{
    size_t warm = analysis->window.warm;
    struct work work = {
        .analysis = analysis, .units = &analysis->units, .series = series};
    const struct seep_unit *unit = NULL;
    int status = 0;

    if (analysis->window.end <= warm) {
        return 0;
    }
    work.shape = (struct seep_shape_series){.n = analysis->window.end - warm,
                                            .t_s = analysis->series.t_s + warm,
                                            .live = series->live + warm,
                                            .live_bytes = series->live_bytes + warm,
                                            .acquired = series->acquired + warm,
                                            .released = series->released + warm};
    status = read_scans(&work);
    if (status == 0) {
        struct seep_shape_found found = find_shape(&work, warm, &unit);

        finding->pattern.kind = pattern_of(found.shape);
        if (unit != NULL) {
            fill_pace(&work, &found, finding);
            status = name_unit(analysis, unit, &finding->pattern);
        }
        finding->pattern.text = say(&work, &found, finding);
    }
    free(work.scans);
    return status;
}

int seep_pattern_fill_site(struct seep_analysis *analysis, struct seep_finding *finding)
{
    size_t n = analysis->series.n;
    double *counts = calloc(n + 1, 2 * sizeof(*counts));
    struct seep_counters *counters = calloc(n + 1, sizeof(*counters));
    struct seep_pattern_series series = {.live = analysis->series.live,
                                         .live_bytes = analysis->series.live_bytes,
                                         .acquired = counts,
                                         .released = counts != NULL ? counts + n : NULL,
                                         .site = finding->site};

    int status = -ENOMEM;

    if (counts != NULL && counters != NULL) {
        seep_recording_site_counters(analysis->recording, finding->site, counters);
        for (size_t i = 0; i < n; i++) {
            counts[i] = (double)counters[i].acquired;
            counts[n + i] = (double)counters[i].released;
        }
        status = seep_pattern_fill(analysis, &series, finding);
    }
    free(counters);
    free(counts);
    return status;
}
