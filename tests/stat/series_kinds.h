/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_SERIES_KINDS_H
#define SEEP_TESTS_SERIES_KINDS_H

#include <stdbool.h>
#include <stddef.h>

#include "seep/kinds.h"
#include "simulated_random.h"

/* What a kind of series may use: which snapshot of how many, and a memory of its own that
 * is zero at the start of each run. */
struct series_source {
    struct simulated_random random;
    size_t i, n;
    double memory[4];
};

/* One site at one snapshot. */
struct series_state {
    double held;   /* resources that come and go; < 0 counts as 0 */
    double leaked; /* resources acquired so far that nothing will ever release */
    double churn;  /* of those held, expected to be replaced since the snapshot before */
    double bytes;  /* of one block that is reallocated; 0: 64 bytes each */
};

enum series_release { /* whose turn it is when the count falls, or one is replaced */
                      SERIES_ANY_ORDER, /* drawn per run: random for half, oldest for a
                                           quarter, youngest */
                      SERIES_OLDEST_FIRST,
                      SERIES_RANDOM,
                      SERIES_YOUNGEST_FIRST
};

struct series_kind {
    const char *name;
    struct series_state (*next)(struct series_source *source);
    enum seep_kind kind;
    enum series_release release;
    bool leaks;
    double level; /* of what comes and goes, on average; of leaks that a forecast is
                     simulated of */
};

extern const struct series_kind SERIES_KINDS[];
extern const size_t SERIES_KIND_COUNT;

/* Index of a kind; SERIES_KIND_COUNT when there is none of this name. */
size_t series_kind_named(const char *name);

#endif
