/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_TOP_TOP_MODEL_H
#define SEEP_ANALYZER_TOP_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"
#include "seep/kinds.h"
#include "top/site_lag.h"

/* The table that a live view shows: the sites of one kind at one snapshot, with what they
 * gained in the seconds before it. */
enum seep_top_sort {
    SEEP_TOP_BY_LIVE = 0,
    SEEP_TOP_BY_GROWTH = 1,
    SEEP_TOP_BY_RATE = 2,
    SEEP_TOP_SORTS = 3
};

struct seep_top_query {
    enum seep_kind kind;
    enum seep_top_sort sort;
    const char *subsystem; /* borrowed; part of its name; "" all */
    double window_s;       /* length of what growth and rate are over; > 0 */
    size_t snapshot;       /* the one that is shown; in range */
};

struct seep_top_row {
    uint32_t site; /* 0 in totals */
    uint64_t live, live_bytes;
    double growth_per_s, growth_bytes_per_s, acquired_per_s; /* 0 without a window */
    double key;
};

struct seep_top_model {
    struct seep_top_row *rows; /* owned; largest key first, then by site */
    size_t count, capacity;
    struct seep_top_row total; /* of all rows */
    double window_s;           /* what the rates are over: from the snapshot that is
                                  window_s old, else the first; 0: no rates */
    struct seep_site_lag shown, before;
};

/* Fills rows, total and window_s. Sites that hold nothing and gained nothing are left
 * out. All-zero is a valid empty model.
 *
 * recording: the one of the calls before, which may have grown; for another one
 *   seep_top_model_fini first.
 * Returns: 0 (no rows without snapshots); -ENOMEM. Thread-safety: owner thread.
 * Cost: O(sites + points since the last call + rows log rows).
 */
int seep_top_model_update(struct seep_top_model *model,
                          const struct seep_recording *recording,
                          const struct seep_top_query *query);
void seep_top_model_fini(struct seep_top_model *model);

/* Whether bytes say anything of sites of this kind. Thread-safety: pure. */
bool seep_top_kind_has_bytes(enum seep_kind kind);

/* The newest snapshot at or before a time; 0 when all are later. Cost: O(log). */
size_t seep_top_snapshot_at(const struct seep_recording *recording, uint64_t t_ns);

/* Curves up to a snapshot: `n` values at equal distances in time, each that of the newest
 * snapshot before. snapshot: in range; out: borrowed. Cost: O(snapshots), of a site
 * O(points). */
enum seep_top_curve {
    SEEP_TOP_CURVE_MEMORY = 0, /* resident bytes */
    SEEP_TOP_CURVE_THREADS = 1,
    SEEP_TOP_CURVE_FDS = 2
};
void seep_top_curve_process(const struct seep_recording *recording,
                            enum seep_top_curve curve, size_t snapshot, double *out,
                            size_t n);
/* Of live bytes, or of live where the kind has none. */
void seep_top_curve_site(const struct seep_recording *recording, uint32_t site,
                         size_t snapshot, double *out, size_t n);

#endif
