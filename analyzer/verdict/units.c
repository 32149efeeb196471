/* Units of work: what a program did, so that growth can be set against it.
 *
 * The program's own marks are the best unit. Without them a site that allocates and
 * releases all the time stands for the work: what runs a thousand times a second does so
 * for each request, message or row. A site that keeps what it acquires is no such
 * measure: it may be the leak itself. Marks of a shim that kept 1,024 of them and no more
 * say, when that was too few, when the program began, not what it did: none is used then.
 *
 * The sum over all sites was rejected as the proxy: garbage of a background job would
 * drown the requests.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "series/mark_series.h"

static double *room(const struct seep_units *units)
{
    return calloc(units->n + 1, sizeof(double));
}

/* Adds what a site acquired, as rises; sum_up makes counts of them. */
static void add_site(const struct seep_rec_site *site, double *rises)
{
    double before = 0;

    struct seep_points_cursor at = seep_points_start(&site->points);

    while (seep_points_next(&at)) {
        double acquired = (double)at.now.counters.acquired;

        rises[at.now.snapshot] += acquired - before;
        before = acquired;
    }
}

static void sum_up(double *rises, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        rises[i] += rises[i - 1];
    }
}

/* A measure is a site that gives back; 0: none, or not above `least`. */
static double busyness(const struct seep_recording *recording,
                       const struct seep_window *window, uint32_t id, double least)
{
    const struct seep_rec_site *site = &recording->sites[id];
    double seconds = seep_window_seconds(recording, window);

    if (site->kind != SEEP_KIND_HEAP ||
        (double)site->points.last.acquired < SEEP_UNITS_SITE_MIN ||
        (double)site->points.last.acquired <= least) {
        return 0; /* most sites: their points need not be read */
    }
    const struct seep_points_pair ends =
        seep_points_at_both(&site->points, window->warm, window->end - 1);
    const struct seep_counters from = ends.first;
    const struct seep_counters to = ends.last;
    double acquired = (double)to.acquired - (double)from.acquired;
    double released = (double)to.released - (double)from.released;

    return acquired >= SEEP_UNITS_SITE_MIN &&
                   acquired >= SEEP_UNITS_PER_S_MIN * seconds &&
                   released >= SEEP_UNITS_RELEASED_MIN * acquired
               ? acquired
               : 0;
}

static int add_busiest(const struct seep_recording *recording,
                       const struct seep_window *window, struct seep_units *units)
{
    struct seep_unit best[SEEP_UNITS_SITES_MAX] = {0};

    for (uint32_t id = 1; id < recording->site_count; id++) {
        double least = best[SEEP_UNITS_SITES_MAX - 1].in_window;
        struct seep_unit unit = {.site = id,
                                 .in_window = busyness(recording, window, id, least)};

        for (size_t i = 0; i < SEEP_UNITS_SITES_MAX; i++) {
            if (unit.in_window > best[i].in_window) {
                struct seep_unit kept = best[i];

                best[i] = unit;
                unit = kept;
            }
        }
    }
    for (size_t i = 0; i < SEEP_UNITS_SITES_MAX && best[i].in_window > 0; i++) {
        best[i].cumulative = room(units);
        if (best[i].cumulative == NULL) {
            return -ENOMEM;
        }
        add_site(&recording->sites[best[i].site], best[i].cumulative);
        sum_up(best[i].cumulative, units->n);
        units->units[units->count++] = best[i];
    }
    return 0;
}

static bool is_known(const struct seep_units *units, const char *label)
{
    for (size_t i = 0; i < units->event_count; i++) {
        if (strcmp(units->events[i].label, label) == 0) {
            return true;
        }
    }
    return false;
}

/* The first few labels that are seen twice or more in the window; of them those that are
 * seen often are operations, the same arrays. */
static int add_marks(const struct seep_recording *recording,
                     const struct seep_window *window, struct seep_units *units)
{
    enum { LABELS_LOOKED_AT = SEEP_MARK_LABELS_MAX };
    size_t labels = seep_marks_label_count(recording);
    size_t looked_at = 0;

    for (size_t i = 0; i < labels && looked_at < LABELS_LOOKED_AT &&
                       units->event_count < SEEP_UNITS_MARKS_MAX;
         i++) {
        struct seep_unit unit = {.label = seep_marks_label(recording, i)};

        if (is_known(units, unit.label)) {
            continue;
        }
        looked_at++;
        unit.cumulative = room(units);
        if (unit.cumulative == NULL) {
            return -ENOMEM;
        }
        seep_marks_count(recording, unit.label, unit.cumulative);
        unit.in_window = unit.cumulative[window->end - 1] - unit.cumulative[window->warm];
        if (unit.in_window < 2) {
            free(unit.cumulative);
            continue;
        }
        units->events[units->event_count++] = unit;
        if (unit.in_window >= SEEP_UNITS_MARKS_MIN && seep_marks_are_whole(recording)) {
            units->units[units->count++] = unit;
        }
    }
    return 0;
}

int seep_units_init(const struct seep_recording *recording,
                    const struct seep_window *window, struct seep_units *out)
{
    struct seep_units units = {.n = recording->snapshot_count};
    int status = 0;

    units.opened = room(&units);
    units.started = room(&units);
    if (units.opened == NULL || units.started == NULL) {
        status = -ENOMEM;
    }
    for (uint32_t id = 1; id < recording->site_count && status == 0; id++) {
        const struct seep_rec_site *site = &recording->sites[id];

        if (site->kind == SEEP_KIND_FD || site->kind == SEEP_KIND_THREAD) {
            add_site(site, site->kind == SEEP_KIND_FD ? units.opened : units.started);
        }
    }
    if (status == 0) {
        sum_up(units.opened, units.n);
        sum_up(units.started, units.n);
    }
    if (status == 0 && window->end > window->warm) {
        status = add_marks(recording, window, &units);
    }
    if (status == 0 && units.count == 0 && window->end > window->warm) {
        status = add_busiest(recording, window, &units);
    }
    if (status < 0) {
        seep_units_fini(&units);
        return status;
    }
    *out = units;
    return 0;
}

void seep_units_fini(struct seep_units *units)
{
    for (size_t i = 0; i < units->event_count; i++) {
        free(units->events[i].cumulative);
    }
    for (size_t i = 0; i < units->count; i++) {
        if (units->units[i].label == NULL) {
            free(units->units[i].cumulative);
        }
    }
    free(units->opened);
    free(units->started);
    *units = (struct seep_units){0};
}
