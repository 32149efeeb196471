/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_COLLECT_PEAK_LOOK_H
#define SEEP_ANALYZER_COLLECT_PEAK_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "seep/segment.h"

/* Who held the heap when it was largest, as far as anybody looked. */
enum { SEEP_PEAK_HOLDERS_MAX = 64 };

struct seep_peak_holder {
    uint32_t site;
    uint64_t live, live_bytes;
};

/* All-zero is valid: nothing seen. */
struct seep_peak_look {
    uint64_t t_ns;
    uint64_t live, live_bytes;                              /* of all heap sites */
    struct seep_peak_holder holders[SEEP_PEAK_HOLDERS_MAX]; /* most bytes first */
    uint32_t holder_count;
    bool unwritten; /* higher than what the recording says */
};

/* Counters at one instant. */
struct seep_peak_sums {
    uint64_t t_ns;
    const struct seep_counters *sums; /* by site; site_count entries */
    const uint8_t *kinds;             /* likewise, enum seep_kind */
    uint32_t site_count;
};

/* Takes the instant over when more is live than ever before. Returns: whether it is so.
 * Cost: O(sites). */
bool seep_peak_look_consider(struct seep_peak_look *look,
                             const struct seep_peak_sums *now);

/* The payload of a PEAK frame. */
void seep_peak_look_put(const struct seep_peak_look *look, struct seep_buf *out);

/* How often a process's wish to be looked at is granted: at once while there are tokens
 * (a burst), else as they come back. All-zero is valid: a full bucket.
 *
 * A spike of a few milliseconds calls for several looks in a row; a program that grows
 * all the time must not keep the collector busy.
 */
struct seep_peak_pace {
    uint64_t spent;         /* tokens taken and not yet back */
    uint64_t back_ns;       /* when the last one came back */
    uint64_t not_before_ns; /* CLOCK_MONOTONIC */
};

/* Books a look that was taken at `now_ns` and took `cost_ns`. */
void seep_peak_pace_book(struct seep_peak_pace *pace, uint64_t now_ns, uint64_t cost_ns);

#endif
