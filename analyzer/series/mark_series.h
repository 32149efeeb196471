/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_SERIES_MARK_SERIES_H
#define SEEP_ANALYZER_SERIES_MARK_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "load/recording.h"

/* A program's marks (seep_mark) over the snapshots of a recording, whichever way they
 * were recorded: counted by label, or, by older shims, each with its time until there
 * were 1,024. Thread-safety: pure. */

/* Whether no mark is missing, of labels that are there at all. */
bool seep_marks_are_whole(const struct seep_recording *recording);

/* Labels in the order of the recording, `count` of them; older shims': the same one
 * again. Borrowed of the recording. */
size_t seep_marks_label_count(const struct seep_recording *recording);
const char *seep_marks_label(const struct seep_recording *recording, size_t i);

/* How often a label had been marked at each snapshot; 0 for one that is not there.
 * out: borrowed; snapshot_count entries. Cost: O(labels + snapshots), older shims':
 * O(marks + snapshots). */
void seep_marks_count(const struct seep_recording *recording, const char *label,
                      double *out);

#endif
