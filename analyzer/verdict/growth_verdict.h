/* SPDX-License-Identifier: MIT */
#ifndef SEEP_ANALYZER_VERDICT_GROWTH_VERDICT_H
#define SEEP_ANALYZER_VERDICT_GROWTH_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "series/ages.h"
#include "trend/growth.h"
#include "trend/staircase.h"
#include "verdict/findings.h"

/* The thresholds of the growth verdict. docs/statistics.md has each with its reason. */
enum {
    SEEP_GROWTH_HEAP_RISE_MIN = 8, /* blocks, net, after warm-up */
    SEEP_GROWTH_THREAD_RISE_MIN = 3,
    SEEP_GROWTH_THREAD_RISE_DEFINITE = 5,
    SEEP_GROWTH_FD_RISE_MIN = 3, /* a limit of 1,024 makes each of them count */
    SEEP_GROWTH_TIMER_RISE_MIN = 3,
    SEEP_GROWTH_MAPPING_RISE_MIN = 4,
    SEEP_GROWTH_HELD_RISE_DEFINITE = 5, /* of descriptors, timers, mappings */
    SEEP_GROWTH_NEAR_LIMIT_S = 120,     /* so near, a short window is no excuse */
    SEEP_GROWTH_BYTES_RISE_MIN = 65536, /* where only the size grows, not the count */
    SEEP_GROWTH_UPS_MIN = 5,            /* separate steps up, for the same */
    SEEP_GROWTH_STAIRS_MIN = 6, /* steps up in the whole run, none down; where they grow
                                   by a factor */
    SEEP_GROWTH_STAIRS_WINDOW_MIN = 2, /* of them after warm-up */
    SEEP_GROWTH_HEAP_PROBABLE_S =
        36, /* a shorter window is suspect at most: what is held for */
    SEEP_GROWTH_HEAP_DEFINITE_S =
        60, /* some time (garbage collectors, timeouts) looks the same */
    SEEP_GROWTH_BYTES_PER_DAY = 512
                                << 10, /* heap that grows by less is suspect at most */
    SEEP_GROWTH_GENERATIONS_HEAP = 5,  /* alive, born after warm-up */
    SEEP_GROWTH_GENERATIONS_FEW = 3    /* of all else */
};

/* Of a sampled recording: fewer sampled blocks in a rise are a suspect at most. */
static const double SEEP_GROWTH_SAMPLES_MIN = 10;
static const double SEEP_GROWTH_Q_FOUND = 0.05;

/* What sampling alone may have made of a rise; all 0 where everything was recorded. */
struct seep_growth_noise {
    double count, bytes;               /* 95 %, of the rise of either */
    double count_spread, bytes_spread; /* seep_sampling_spread_of */
};

/* All evidence on one site, without knowing which. */
struct seep_growth_case {
    enum seep_kind kind;
    struct seep_growth count;     /* of live resources, in the window */
    struct seep_growth bytes;     /* of live bytes, in the window */
    struct seep_staircase stairs; /* of live bytes, in the run */
    struct seep_ages ages;
    struct seep_growth_noise noise; /* of a sampled recording */
    double window_s;                /* length of what was judged */
    double acquired, released;      /* in the window */
    double inflow_ratio; /* acquired in the window's second half over its first; 0: none
                            in the first */
    double to_limit_s; /* at the window's pace to the limit on the count; 0: none known */
    double q_value;    /* of seep_growth_p over all sites of the kind */
};

/* Whether the site is worth a test: enough was acquired in the window. A filter that does
 * not look at the direction, so it does not spoil the false discovery rate. */
bool seep_growth_testable(enum seep_kind kind, double acquired);

/* The least rise of the lower envelope of the count, of the bytes, that is an effect: for
 * seep_growth_measure. Thread-safety: pure. */
double seep_growth_least_count(enum seep_kind kind);
double seep_growth_least_bytes(enum seep_kind kind);

/* Measures the growth of a site's count and bytes into evidence->count and ->bytes; its
 * kind is given.
 *
 * live, live_bytes: borrowed; n values each, as for seep_growth_measure; NULL where that
 *   is not known, which leaves a series that does not grow.
 * Returns: 0; -EINVAL when n - warm < SEEP_GROWTH_POINTS_MIN. Thread-safety: pure.
 * Cost: O(n). */
int seep_growth_case_measure(struct seep_growth_case *evidence, const double *live,
                             const double *live_bytes, size_t n, size_t warm);

/* Whether these are few blocks that are made larger by a factor each time: too few steps
 * for a test at any length of run, and never more than suspect. Thread-safety: pure. */
bool seep_growth_is_staircase(const struct seep_growth_case *evidence);

/* The p-value to hand to the false discovery rate; 1 when the effect is too small to
 * matter. Thread-safety: pure. */
double seep_growth_p(const struct seep_growth_case *evidence);

/* The verdict. SEEP_VERDICT_NONE: stable, or nothing worth a line.
 *
 * Thread-safety: pure. Source: gates and simulated rates in docs/statistics.md.
 */
enum seep_verdict seep_growth_verdict(const struct seep_growth_case *evidence);

#endif
