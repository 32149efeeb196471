/* Which part of a recording may speak about growth.
 *
 * The beginning is warm-up: pools fill, caches warm, clients connect. The end of a
 * program that exits is a tear-down: a leak that its destructors happen to free would
 * look like a saw-tooth. Both are cut. Programs that are killed, or still run, have no
 * tear-down.
 *
 * SPDX-License-Identifier: MIT
 */
#include "series/window.h"

#include <string.h>

static const double WARM_UP_FRACTION = 1.0 / 3;
static const uint64_t SHUTDOWN_NS = UINT64_C(2000000000);
static const uint64_t TEAR_DOWN_NS = UINT64_C(10000000000);
static const double TEAR_DOWN_KEEPS = 0.8; /* of the live blocks: less is a tear-down */
enum { TAIL_MAX = 128 };

/* When "warm" was marked for the last time; of marks that kept no time, the snapshot that
 * was the first to count them: it is judged from there all the same. */
static bool find_warm(const struct seep_recording *recording, uint64_t *t_ns)
{
    uint64_t timed = 0;
    bool found = false;

    for (size_t i = 0; i < recording->mark_count; i++) {
        if (strcmp(recording->marks[i].text, "warm") == 0) {
            *t_ns = recording->marks[i].t_ns;
            found = true;
            timed++;
        }
    }
    for (size_t i = 0; i < recording->label_count; i++) {
        const struct seep_rec_label *label = &recording->labels[i];

        if (strcmp(label->text, "warm") == 0 && label->points.last.acquired > timed) {
            *t_ns = recording->snapshots[label->points.last_snapshot].t_ns;
            found = true;
        }
    }
    return found;
}

static double live_of(const struct seep_counters *counters)
{
    return counters->acquired > counters->released
               ? (double)counters->acquired - (double)counters->released
               : 0;
}

/* Adds what a site had alive at each of the snapshots [first, end). */
static void add_tail(const struct seep_points *points, size_t first, size_t end,
                     double *live)
{
    struct seep_points_cursor at = seep_points_seek(points, first);
    double now = live_of(&at.now.counters);
    size_t from = first;

    if (points->last_snapshot <= first) { /* most sites are quiet that late */
        now = live_of(&points->last);
    } else {
        while (seep_points_next(&at) && at.now.snapshot < end) {
            for (; from < at.now.snapshot; from++) {
                live[from - first] += now;
            }
            now = live_of(&at.now.counters);
        }
    }
    for (; from < end; from++) {
        live[from - first] += now;
    }
}

/* Live heap blocks of the whole program at snapshots [first, end). */
static void tail_live_blocks(const struct seep_recording *recording, size_t first,
                             size_t end, double *live)
{
    memset(live, 0, (end - first) * sizeof(*live));
    for (size_t i = 0; i < recording->site_count; i++) {
        if (recording->sites[i].kind == SEEP_KIND_HEAP) {
            add_tail(&recording->sites[i].points, first, end, live);
        }
    }
}

/* Where the tear-down begins: the last of the final 10 s that comes near their highest,
 * and back from there to the top of its slope. */
static size_t tear_down_start(const struct seep_recording *recording, size_t first,
                              size_t end)
{
    double live[TAIL_MAX];
    uint64_t last_ns = recording->snapshots[end - 1].t_ns;
    size_t from = end - 1;
    double top = 0;

    while (from > first && end - from < TAIL_MAX &&
           last_ns - recording->snapshots[from - 1].t_ns <= TEAR_DOWN_NS) {
        from--;
    }
    size_t at = end - from - 1;

    tail_live_blocks(recording, from, end, live);
    for (size_t i = 0; i <= at; i++) {
        top = live[i] > top ? live[i] : top;
    }
    if (live[at] >= TEAR_DOWN_KEEPS * top) {
        return end;
    }
    while (at > 0 && (live[at] < TEAR_DOWN_KEEPS * top || live[at - 1] > live[at])) {
        at--;
    }
    return from + at + 1;
}

static size_t cut_shutdown(const struct seep_recording *recording, size_t first,
                           size_t end)
{
    size_t cut = end;
    size_t start = end;

    if (!recording->ended || recording->ending_kind != SEEP_ENDING_EXITED ||
        end <= first) {
        return end;
    }
    start = tear_down_start(recording, first, end);
    while (cut > first &&
           recording->snapshots[cut - 1].t_ns + SHUTDOWN_NS > recording->ended_ns) {
        cut--;
    }
    return start < cut ? start : cut;
}

struct seep_window seep_window_choose(const struct seep_recording *recording,
                                      const struct seep_window_options *options)
{
    const struct seep_rec_snapshot *snapshots = recording->snapshots;
    uint64_t warm_ns = 0;
    struct seep_window window = {.end = recording->snapshot_count};
    double from_ns = 0;

    while (options->until_s >= 0 && window.end > 0 &&
           (double)snapshots[window.end - 1].t_ns > options->until_s * 1e9) {
        window.end--;
    }
    if (window.end == recording->snapshot_count) {
        window.end = cut_shutdown(recording, 0, window.end);
        window.shutdown_cut = window.end != recording->snapshot_count;
    }
    if (window.end == 0) {
        return window;
    }
    if (options->since_s >= 0) {
        from_ns = options->since_s * 1e9;
        while (window.first < window.end &&
               (double)snapshots[window.first].t_ns < from_ns) {
            window.first++;
        }
    } else if (find_warm(recording, &warm_ns)) {
        from_ns = (double)warm_ns;
        window.by_mark = true;
    } else {
        from_ns = (double)snapshots[0].t_ns +
                  WARM_UP_FRACTION *
                      (double)(snapshots[window.end - 1].t_ns - snapshots[0].t_ns);
    }
    window.warm = window.first;
    while (window.warm < window.end && (double)snapshots[window.warm].t_ns < from_ns) {
        window.warm++;
    }
    return window;
}

size_t seep_window_points(const struct seep_window *window)
{
    return window->end - window->warm;
}

double seep_window_seconds(const struct seep_recording *recording,
                           const struct seep_window *window)
{
    if (window->end <= window->warm) {
        return 0;
    }
    return (double)(recording->snapshots[window->end - 1].t_ns -
                    recording->snapshots[window->warm].t_ns) /
           1e9;
}

bool seep_window_is_valid(const struct seep_recording *recording,
                          const struct seep_window *window)
{
    return window->first <= window->warm && window->warm <= window->end &&
           window->end <= recording->snapshot_count;
}
