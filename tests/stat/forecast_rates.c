/* Simulated coverage of the forecast: how often the limit is truly reached inside the
 * interval of 90 % that the report states.
 *
 *     stat_forecast_rates [RUNS [SEED]]
 *
 * Each run leaks, is judged, and goes on until what leaked has filled what was left to
 * the limit, half to five times what had leaked so far; what comes and goes is at its
 * level on average then. Only runs in which the leak was found count, as only findings
 * have forecasts. Prints the table of docs/statistics.md; a coverage outside its bounds
 * fails.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "simulated_run.h"
#include "verdict/growth_finding.h"

enum { LENGTHS = 2, FACTOR = 50 /* times the run: as far as anybody waits */ };

static const size_t SNAPSHOTS[LENGTHS] = {300, 3000};
static const double SAMPLING_Z = 3;

/* What the bounds are: at 300 and at 3,000 snapshots alike. Those from 0 are of leaks
 * that a line with one sort of noise does not describe: told, not promised. */
static const struct scenario {
    const char *name;
    double low, high;
} SCENARIOS[] = {
    {"steady, white noise", 0.85, 0.95}, {"steady, AR1 0.7", 0.85, 0.95},
    {"steady, AR1 0.95", 0.85, 0.95},    {"Poisson", 0.85, 0.95},
    {"one by one, thread", 0.85, 0.95},  {"one request of 200", 0, 1},
    {"step on each reconnect", 0, 1},    {"saw-tooth with rising floor", 0, 1},
};
enum { SCENARIO_COUNT = sizeof(SCENARIOS) / sizeof(SCENARIOS[0]) };

struct coverage {
    unsigned found, inside, early; /* early: reached before the interval begins */
    double width;                  /* sum of (high - low) / time, 10 at most each */
};

/* The process: this site beside a thousand that stay. */
static struct seep_view_forecast forecast_of(struct simulated_run *run, double limit)
{
    const struct seep_window_options all = {.since_s = -1, .until_s = -1};
    struct seep_window window = seep_window_choose(&run->recording, &all);
    struct seep_series series;

    if (seep_series_new(&run->recording, &series) < 0) {
        fputs("forecast_rates: out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    seep_series_read(&series, &run->recording, 1);
    for (size_t i = 0; i < run->recording.snapshot_count; i++) {
        run->recording.snapshots[i].vsize_bytes = 1; /* it lives */
        run->recording.snapshots[i].threads = (uint64_t)(1000 + series.live[i]);
    }
    run->recording.program.limit_nproc = (uint64_t)(1000 + limit);
    struct seep_view_forecast forecast = seep_growth_forecast(
        &run->recording, SEEP_KIND_THREAD,
        seep_growth_slope(&window, series.t_s, series.live), (struct seep_slope){0});

    seep_series_free(&series);
    return forecast;
}

static void cover(const struct series_kind *kind, size_t snapshots, uint64_t seed,
                  struct coverage *coverage)
{
    struct simulated_random random = {seed};
    struct seep_growth_sites sites = {0};
    struct simulated_run run;

    simulated_run_init(&run, snapshots, 1);
    (void)simulated_run_add(&run, kind, seed);
    simulated_run_judge(&run, kind->kind, &sites);
    if (sites.count > 0 && sites.sites[0].verdict >= SEEP_VERDICT_PROBABLE) {
        double more = floor(run.leaked * (0.5 + 4.5 * simulated_uniform(&random))) + 1;
        double reached_s =
            (double)simulated_run_reach(&run, kind, seed, more, FACTOR * snapshots);
        struct seep_view_forecast forecast =
            forecast_of(&run, kind->level + run.leaked + more);

        coverage->found++;
        coverage->early += reached_s < forecast.ci_s.low;
        coverage->inside +=
            reached_s >= forecast.ci_s.low && reached_s <= forecast.ci_s.high;
        coverage->width += fmin((forecast.ci_s.high - forecast.ci_s.low) /
                                    fmax(forecast.time_to_limit_s, 1),
                                10);
    }
    free(sites.sites);
    simulated_run_fini(&run);
}

static bool run_scenario(const struct scenario *scenario, unsigned runs, uint64_t seed)
{
    const struct series_kind *kind = &SERIES_KINDS[series_kind_named(scenario->name)];
    bool good = true;

    printf("| %-28s |", kind->name);
    for (size_t at = 0; at < LENGTHS; at++) {
        struct coverage coverage = {0};
        struct simulated_random random = {seed ^ SNAPSHOTS[at]};

        for (unsigned i = 0; i < runs; i++) {
            cover(kind, SNAPSHOTS[at], simulated_next(&random), &coverage);
        }
        double found = fmax(coverage.found, 1);
        double inside = coverage.inside / found;
        double chance = SAMPLING_Z * sqrt(0.09 / found); /* of 90 % */

        good =
            good && inside >= scenario->low - chance && inside <= scenario->high + chance;
        printf(" %5.1f | %5.1f | %5.1f | %5.0f |", 100 * inside,
               100 * coverage.early / found,
               100 * (found - coverage.inside - coverage.early) / found,
               100 * coverage.width / found);
    }
    printf("%s\n", good ? "" : " OUT OF BOUNDS");
    return good;
}

int main(int argc, char **argv)
{
    unsigned runs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20261127;
    bool good = true;

    printf("| leak |");
    for (size_t at = 0; at < LENGTHS; at++) {
        printf(" %zu: inside | sooner | later | width |", SNAPSHOTS[at]);
    }
    printf("\n|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < SCENARIO_COUNT; i++) {
        good = run_scenario(&SCENARIOS[i], runs, seed) && good;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
