/* What two runs can be measured by, when one had more to do than the other.
 *
 * A program's own marks are the best unit. Without them, the site that allocates most in
 * both runs stands for its work: what runs ten thousand times a second does so for each
 * request, message or row.
 *
 * SPDX-License-Identifier: MIT
 */
#include "diff/diff_work.h"

#include <math.h>
#include <string.h>

#include "series/mark_series.h"

enum { MARKS_LEAST = 10, LABELS_LOOKED_AT = SEEP_MARK_LABELS_MAX };
static const double NS_PER_S = 1e9;
static const double PER_S_LEAST = 1; /* of a site that stands for the program's work */

struct span {
    uint64_t from_ns, to_ns;
};

static size_t count_marks(const struct seep_recording *recording, const char *label,
                          const struct span *span)
{
    size_t n = 0;

    for (size_t i = 0; i < recording->mark_count; i++) {
        uint64_t t_ns = recording->marks[i].t_ns;

        n += t_ns >= span->from_ns && t_ns <= span->to_ns &&
             strcmp(recording->marks[i].text, label) == 0;
    }
    return n;
}

/* An older shim kept 1,024 marks: a program that marks each request had used them up long
 * before its end; what came later was no standstill. */
static bool stopped_counting(const struct seep_recording *recording)
{
    return !seep_marks_are_whole(recording) && recording->mark_count > 0;
}

static size_t counted(const struct seep_recording *recording,
                      const struct seep_window *window, const char *label)
{
    size_t n = 0;

    for (size_t i = 0; i < recording->label_count; i++) {
        const struct seep_rec_label *row = &recording->labels[i];
        struct seep_points_pair ends = {0};

        if (strcmp(row->text, label) == 0) {
            ends = seep_points_at_both(&row->points, window->warm, window->end - 1);
            n += ends.last.acquired > ends.first.acquired
                     ? ends.last.acquired - ends.first.acquired
                     : 0;
        }
    }
    return n;
}

static double marks_per_s(const struct seep_recording *recording,
                          const struct seep_window *window, const char *label)
{
    struct span span = {0};
    size_t n = 0;

    if (seep_window_points(window) < 2) {
        return 0;
    }
    span = (struct span){recording->snapshots[window->warm].t_ns,
                         recording->snapshots[window->end - 1].t_ns};
    if (recording->label_count > 0) {
        n = counted(recording, window, label);
        return n >= MARKS_LEAST ? (double)n / seep_window_seconds(recording, window) : 0;
    }
    if (stopped_counting(recording)) {
        uint64_t last_ns = recording->marks[recording->mark_count - 1].t_ns;

        span.to_ns = last_ns < span.to_ns ? last_ns : span.to_ns;
    }
    n = count_marks(recording, label, &span);
    if (n < MARKS_LEAST && stopped_counting(recording)) {
        span.from_ns = recording->marks[0].t_ns;
        n = count_marks(recording, label, &span);
    }
    return n >= MARKS_LEAST && span.to_ns > span.from_ns
               ? (double)n / ((double)(span.to_ns - span.from_ns) / NS_PER_S)
               : 0;
}

static struct seep_diff_work by_marks(const struct seep_recording *const recordings[2],
                                      const struct seep_window windows[2])
{
    struct seep_diff_work work = {.what = "", .by_mark = true};

    size_t labels = seep_marks_label_count(recordings[0]);

    for (size_t i = 0; i < labels && i < LABELS_LOOKED_AT; i++) {
        const char *label = seep_marks_label(recordings[0], i);
        double base = marks_per_s(recordings[0], &windows[0], label);
        double fresh = marks_per_s(recordings[1], &windows[1], label);

        if (base > work.base_per_s && fresh > 0) {
            work = (struct seep_diff_work){.known = true,
                                           .what = label,
                                           .by_mark = true,
                                           .base_per_s = base,
                                           .fresh_per_s = fresh};
        }
    }
    return work;
}

/* The innermost function of the program, or what there is. */
static const char *name_of(const struct seep_match_site *site)
{
    for (size_t i = 0; i < site->frame_count; i++) {
        if (site->frames[i].weight == SEEP_MATCH_PROGRAM) {
            return site->frames[i].function;
        }
    }
    return site->frame_count > 0 ? site->frames[0].function : "??";
}

struct seep_diff_work seep_diff_work_of(const struct seep_recording *const recordings[2],
                                        const struct seep_window windows[2],
                                        const struct seep_site_table tables[2],
                                        const size_t *pair)
{
    struct seep_diff_work work = by_marks(recordings, windows);
    double most = PER_S_LEAST;

    for (size_t j = 0; j < tables[1].count; j++) {
        const struct seep_match_site *fresh = &tables[1].sites[j];
        const struct seep_match_site *base =
            pair[j] != SEEP_MATCH_NONE ? &tables[0].sites[pair[j]] : NULL;

        if (base == NULL || fresh->kind != SEEP_KIND_HEAP) {
            continue;
        }
        double both = fmin(base->acquired_per_s, fresh->acquired_per_s);

        if (both > most) {
            most = both;
            if (!work.by_mark || !work.known) {
                work = (struct seep_diff_work){.known = true,
                                               .what = name_of(fresh),
                                               .base_per_s = base->acquired_per_s,
                                               .fresh_per_s = fresh->acquired_per_s};
            }
            work.busy[0] = tables[0].ids[pair[j]];
            work.busy[1] = tables[1].ids[j];
        }
    }
    return work;
}
