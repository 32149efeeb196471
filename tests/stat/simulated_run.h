/* SPDX-License-Identifier: MIT */
#ifndef SEEP_TESTS_SIMULATED_RUN_H
#define SEEP_TESTS_SIMULATED_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "load/recording.h"
#include "load/recording_pool.h"
#include "series_kinds.h"
#include "verdict/growth_scan.h"

/* A recording of simulated sites, one snapshot a second, as the collector would have left
 * it of a program that still runs: counters, and ages by one scan at the end. Out of
 * memory ends the test. Thread-safety: owner thread. */
struct simulated_run {
    struct seep_recording recording; /* sites count up from 1 */
    struct seep_rec_ages scan;       /* its times; packed when it is judged */
    struct seep_rec_age *ages;       /* owned; what the scan lists */
    size_t age_count;
    struct seep_pool_budget budget;
    struct seep_pool pool; /* of the points; the run may not be moved */
    size_t capacity;
    double leaked; /* resources that the site added last has leaked by the end */
};

void simulated_run_init(struct simulated_run *run, size_t snapshots, size_t sites);
void simulated_run_fini(struct simulated_run *run);

/* Adds a site; at most as many as were made room for. The same seed gives the same site.
 * Returns: its id. */
uint32_t simulated_run_add(struct simulated_run *run, const struct series_kind *kind,
                           uint64_t seed);

/* Goes on with the site added last, by its kind and seed, beyond the end of the run, to
 * the snapshot at which it has leaked `more` resources since then, at most `most`
 * snapshots on. Returns: snapshots after the end. */
size_t simulated_run_reach(const struct simulated_run *run,
                           const struct series_kind *kind, uint64_t seed, double more,
                           size_t most);

/* Judges all sites of one kind as `seep report` does. found: out, owned (free
 * found->sites); what is not listed is stable. */
void simulated_run_judge(const struct simulated_run *run, enum seep_kind kind,
                         struct seep_growth_sites *found);

#endif
