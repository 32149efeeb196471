/* Simulated false alarms and detections on sampled recordings, with bounds.
 *
 * A site whose blocks are of one size, seen through Poisson sampling: of what is born,
 * few blocks are known, each stands for many, and all of them come and go as the rest
 * does. What does not grow must not be found to grow because of the few that were drawn.
 * Seeded: the same table each time. Prints the table of docs/statistics.md; a rate
 * outside its bounds fails.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "seep/sampling.h"
#include "simulated_random.h"
#include "verdict/growth_verdict.h"
#include "verdict/sampling_error.h"

enum { RUNS = 1000, SNAPSHOTS = 120, WARM = 40, SAMPLES_MOST = 8192, WIDTH = 2 };

static const uint64_t MEAN_BYTES = 65536;

static struct simulated_random random_source;

static double uniform(void)
{
    return simulated_uniform(&random_source);
}

static unsigned poisson(double mean)
{
    return simulated_poisson(&random_source, mean);
}

/* base: live bytes that do not grow, in MEAN_BYTES; turnover: part of them that is
 * replaced each second; leak: grown by the end of the window, in MEAN_BYTES, at a steady
 * rate from the start. found: suspect or worse. */
static const struct scenario {
    const char *name;
    uint64_t block_bytes;
    double base, turnover, leak;
    double found_low, found_high, sure_low, sure_high; /* sure: probable or definite */
} SCENARIOS[] = {
    {"nothing comes or goes, 5 samples", 100, 5, 0, 0, 0, 0, 0, 0},
    {"1 sample, 1 % replaced a second", 100, 1, 0.01, 0, 0, 0.005, 0, 0},
    {"5 samples, 1 %", 100, 5, 0.01, 0, 0, 0.01, 0, 0.002},
    {"20 samples, 1 %", 100, 20, 0.01, 0, 0, 0.02, 0, 0.01},
    {"100 samples, 1 %", 100, 100, 0.01, 0, 0, 0.02, 0, 0.01},
    {"5 samples, 10 %", 100, 5, 0.1, 0, 0, 0.01, 0, 0.002},
    {"100 samples, 10 %", 100, 100, 0.1, 0, 0, 0.01, 0, 0.002},
    {"1,000 samples, 10 %", 100, 1000, 0.1, 0, 0, 0.01, 0, 0.002},
    {"100 samples, all replaced a second", 100, 100, 1, 0, 0, 0.005, 0, 0},
    {"20 samples of 64 KiB, 10 %", 65536, 20, 0.1, 0, 0, 0.01, 0, 0.002},
    {"leak of 5 samples", 100, 0, 0, 5, 0, 1, 0, 0.05},
    {"leak of 30 samples", 100, 0, 0, 30, 0.8, 1, 0.8, 1},
    {"leak of 100 samples", 100, 0, 0, 100, 0.99, 1, 0.99, 1},
    {"leak of 100 blocks of 64 KiB", 65536, 0, 0, 100, 0.99, 1, 0.99, 1},
    {"leak of 100 samples among 20 that come and go", 100, 20, 0.1, 100, 0.99, 1, 0.99,
     1},
};

struct block {
    unsigned born;
    bool leaked;
    double weight;
};

struct site {
    struct block blocks[SAMPLES_MOST];
    size_t live;
    double live_blocks;
    double acquired, released; /* in the window */
};

static void bear(struct site *site, const struct scenario *scenario, unsigned n,
                 unsigned now, bool leaked)
{
    for (unsigned i = 0; i < n && site->live < SAMPLES_MOST; i++) {
        uint32_t token = (uint32_t)(uniform() * 4294967296.0);
        double weight =
            (double)seep_sample_weigh(scenario->block_bytes, MEAN_BYTES, token).blocks;

        site->blocks[site->live++] = (struct block){now, leaked, weight};
        site->live_blocks += weight;
        site->acquired += now > WARM ? weight : 0;
    }
}

static void bury(struct site *site, double part, unsigned now)
{
    for (size_t i = site->live; i-- > 0;) {
        if (!site->blocks[i].leaked && uniform() < part) {
            site->live_blocks -= site->blocks[i].weight;
            site->released += now > WARM ? site->blocks[i].weight : 0;
            site->blocks[i] = site->blocks[--site->live];
        }
    }
}

static struct seep_ages ages_of(const struct site *site)
{
    struct seep_ages ages = {.known = true,
                             .window_possible = (SNAPSHOTS - WARM) / WIDTH};
    bool seen[SNAPSHOTS / WIDTH + 1] = {false};

    for (size_t i = 0; i < site->live; i++) {
        seen[site->blocks[i].born / WIDTH] = true;
    }
    for (unsigned g = 0; g * WIDTH < SNAPSHOTS; g++) {
        bool in = seen[g] && g * WIDTH >= WARM;

        ages.generations += seen[g];
        ages.window_generations += in;
        ages.early_generations += in && g * WIDTH < WARM + (SNAPSHOTS - WARM) / 2;
    }
    return ages;
}

/* As growth_scan.c measures it. */
static struct seep_growth_case simulate(const struct scenario *scenario)
{
    static struct site site;
    double live[SNAPSHOTS];
    double bytes[SNAPSHOTS];
    double size = (double)scenario->block_bytes;
    double chance = (double)seep_sample_chance(scenario->block_bytes, MEAN_BYTES) /
                    9223372036854775808.0;
    double per_sample = chance * (double)MEAN_BYTES / size; /* samples in MEAN_BYTES */
    struct seep_growth_case result = {.kind = SEEP_KIND_HEAP,
                                      .window_s = SNAPSHOTS - WARM - 1};

    memset(&site, 0, sizeof(site));
    bear(&site, scenario, poisson(scenario->base * per_sample), 0, false);
    for (unsigned now = 0; now < SNAPSHOTS; now++) {
        bury(&site, scenario->turnover, now);
        bear(&site, scenario, poisson(scenario->base * scenario->turnover * per_sample),
             now, false);
        bear(&site, scenario, poisson(scenario->leak * per_sample / (SNAPSHOTS - WARM)),
             now, true);
        live[now] = site.live_blocks;
        bytes[now] = site.live_blocks * size;
    }
    (void)seep_growth_measure(live, SNAPSHOTS, WARM, seep_growth_least_count(result.kind),
                              &result.count);
    (void)seep_growth_measure(bytes, SNAPSHOTS, WARM,
                              seep_growth_least_bytes(result.kind), &result.bytes);
    result.ages = ages_of(&site);
    result.acquired = site.acquired;
    result.released = site.released;
    double changed =
        fmin(site.acquired + site.released, live[WARM] + live[SNAPSHOTS - 1]);

    result.noise.count_spread = (1 - chance) / chance;
    result.noise.bytes_spread = size * (1 - chance) / chance;
    result.noise.count = seep_sampling_error(result.noise.count_spread * changed,
                                             result.noise.count_spread);
    result.noise.bytes = seep_sampling_error(result.noise.bytes_spread * changed * size,
                                             result.noise.bytes_spread);
    result.q_value =
        seep_growth_testable(result.kind, result.acquired) ? seep_growth_p(&result) : 1;
    return result;
}

static bool run_scenario(const struct scenario *scenario)
{
    unsigned verdicts[SEEP_VERDICT_DEFINITE + 1] = {0};
    const double percent = 100.0 / RUNS;

    random_source.state = UINT64_C(20261124);
    for (unsigned run = 0; run < RUNS; run++) {
        struct seep_growth_case evidence = simulate(scenario);

        verdicts[seep_growth_verdict(&evidence)]++;
    }
    double sure =
        (double)(verdicts[SEEP_VERDICT_DEFINITE] + verdicts[SEEP_VERDICT_PROBABLE]) /
        RUNS;
    double found = sure + (double)verdicts[SEEP_VERDICT_SUSPECT] / RUNS;
    bool good = found >= scenario->found_low && found <= scenario->found_high &&
                sure >= scenario->sure_low && sure <= scenario->sure_high;

    printf("| %-46s | %5.1f | %5.1f | %5.1f | %5.1f |%s\n", scenario->name,
           verdicts[SEEP_VERDICT_BOUNDED] * percent,
           verdicts[SEEP_VERDICT_SUSPECT] * percent,
           verdicts[SEEP_VERDICT_PROBABLE] * percent,
           verdicts[SEEP_VERDICT_DEFINITE] * percent, good ? "" : " OUT OF BOUNDS");
    return good;
}

int main(void)
{
    bool good = true;

    printf(
        "| series | bounded | suspect | probable | definite |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof(SCENARIOS) / sizeof(SCENARIOS[0]); i++) {
        good = run_scenario(&SCENARIOS[i]) && good;
    }
    return good ? 0 : 1;
}
