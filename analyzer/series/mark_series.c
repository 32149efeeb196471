/* Marks as counts at snapshots.
 *
 * Counts of two labels of the same text (a program scribbled over its segment) are added:
 * to whoever reads a report they are one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "series/mark_series.h"

#include <string.h>

static bool is_counted(const struct seep_recording *recording)
{
    return recording->label_count > 0;
}

bool seep_marks_are_whole(const struct seep_recording *recording)
{
    return is_counted(recording) || recording->lost[SEEP_LOSS_MARKS_FULL] == 0;
}

size_t seep_marks_label_count(const struct seep_recording *recording)
{
    return is_counted(recording) ? recording->label_count : recording->mark_count;
}

const char *seep_marks_label(const struct seep_recording *recording, size_t i)
{
    return is_counted(recording) ? recording->labels[i].text : recording->marks[i].text;
}

static void add_counted(const struct seep_rec_label *label, size_t n, double *out)
{
    struct seep_points_cursor cursor = seep_points_start(&label->points);
    bool more = seep_points_next(&cursor);
    double now = 0;

    for (size_t i = 0; i < n; i++) {
        if (more && cursor.now.snapshot == i) {
            now = (double)cursor.now.counters.acquired;
            more = seep_points_next(&cursor);
        }
        out[i] += now;
    }
}

static void count_times(const struct seep_recording *recording, const char *label,
                        double *out)
{
    size_t at = 0;
    double seen = 0;

    for (size_t i = 0; i < recording->snapshot_count; i++) {
        while (at < recording->mark_count &&
               recording->marks[at].t_ns <= recording->snapshots[i].t_ns) {
            seen += strcmp(recording->marks[at++].text, label) == 0;
        }
        out[i] = seen;
    }
}

void seep_marks_count(const struct seep_recording *recording, const char *label,
                      double *out)
{
    memset(out, 0, recording->snapshot_count * sizeof(*out));
    if (!is_counted(recording)) {
        count_times(recording, label, out);
        return;
    }
    for (size_t i = 0; i < recording->label_count; i++) {
        if (strcmp(recording->labels[i].text, label) == 0) {
            add_counted(&recording->labels[i], recording->snapshot_count, out);
        }
    }
}
