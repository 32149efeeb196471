/* Simulated false alarms and detections of the growth verdict.
 *
 *     stat_growth_rates [--runs N] [--seed S] [--snapshots N] [--expected FILE]
 *                       [--write FILE]
 *
 * Prints the table of docs/statistics.md: each kind of series at 60, 300 and 3,000
 * snapshots, `--runs` seeds each (1,000). With --expected, a rate that is worse than in
 * that file by more than sampling error fails; --write makes that file. Thresholds are
 * tuned on other seeds (--seed) than those of the table.
 *
 * SPDX-License-Identifier: MIT
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulated_run.h"

enum {
    LENGTHS = 3,
    VERDICTS = SEEP_VERDICT_DEFINITE + 1,
    NAME_MAX_BYTES = 64,
    FAMILY = 300,
    FAMILY_RUNS = 40,
    FAMILY_FOUND_MIN = 38,
    FAMILY_FALSE_MAX = 36
};

static const size_t SNAPSHOTS[LENGTHS] = {60, 300, 3000};
static const double SAMPLING_Z = 3; /* deviations that chance may explain */

struct options {
    unsigned runs;
    uint64_t seed;
    size_t only; /* snapshots; 0: all lengths */
    const char *expected, *write;
};

/* Verdicts of the runs of one kind at one length. */
struct rates {
    unsigned known[VERDICTS];   /* with the ages of what is alive */
    unsigned unknown[VERDICTS]; /* without */
};

static unsigned found(const unsigned *verdicts)
{
    return verdicts[SEEP_VERDICT_PROBABLE] + verdicts[SEEP_VERDICT_DEFINITE];
}

static uint64_t seed_of(const struct options *options, size_t kind, size_t length,
                        unsigned run)
{
    struct simulated_random random = {options->seed};

    random.state = simulated_next(&random) ^ kind << 40 ^ length << 32 ^ run;
    return simulated_next(&random);
}

/* The verdict on the first site, which is the only one. */
static enum seep_verdict judge(const struct simulated_run *run, enum seep_kind kind)
{
    struct seep_growth_sites sites = {0};

    simulated_run_judge(run, kind, &sites);
    enum seep_verdict verdict =
        sites.count > 0 ? sites.sites[0].verdict : SEEP_VERDICT_NONE;

    free(sites.sites);
    return verdict;
}

static void simulate(const struct options *options, size_t kind, size_t length,
                     struct rates *out)
{
    const struct series_kind *series = &SERIES_KINDS[kind];

    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < options->runs; i++) {
        struct simulated_run run;

        simulated_run_init(&run, SNAPSHOTS[length], 1);
        (void)simulated_run_add(&run, series, seed_of(options, kind, length, i));
        out->known[judge(&run, series->kind)]++;
        run.recording.ages_count = 0;
        out->unknown[judge(&run, series->kind)]++;
        simulated_run_fini(&run);
    }
}

/* A healthy server: FAMILY heap sites of all kinds without a leak at once, and one that
 * leaks, with the false discovery rate. Returns: false findings in all runs. */
static unsigned run_family(const struct options *options, unsigned *leaks_found)
{
    const size_t leak = series_kind_named("Poisson");
    unsigned false_alarms = 0;

    for (unsigned i = 0; i < FAMILY_RUNS; i++) {
        struct seep_growth_sites sites = {0};
        struct simulated_run run;

        simulated_run_init(&run, SNAPSHOTS[1], FAMILY + 1);
        for (size_t added = 0, kind = 0; added < FAMILY;
             kind = (kind + 1) % SERIES_KIND_COUNT) {
            if (!SERIES_KINDS[kind].leaks && SERIES_KINDS[kind].kind == SEEP_KIND_HEAP) {
                (void)simulated_run_add(&run, &SERIES_KINDS[kind],
                                        seed_of(options, added++, LENGTHS, i));
            }
        }
        uint32_t leaking = simulated_run_add(&run, &SERIES_KINDS[leak],
                                             seed_of(options, FAMILY, LENGTHS, i));

        simulated_run_judge(&run, SEEP_KIND_HEAP, &sites);
        for (size_t k = 0; k < sites.count; k++) {
            bool found = sites.sites[k].verdict >= SEEP_VERDICT_PROBABLE;

            *leaks_found += found && sites.sites[k].site == leaking;
            false_alarms += found && sites.sites[k].site != leaking;
        }
        free(sites.sites);
        simulated_run_fini(&run);
    }
    return false_alarms;
}

static void print_row(const struct series_kind *kind, const struct rates *rates,
                      const struct options *options)
{
    double percent = 100.0 / options->runs;

    printf("| %-30s |", kind->name);
    for (size_t i = 0; i < LENGTHS; i++) {
        const unsigned *known = rates[i].known;

        printf(" %5.1f | %5.1f | %5.1f |", known[SEEP_VERDICT_BOUNDED] * percent,
               known[SEEP_VERDICT_SUSPECT] * percent, found(known) * percent);
    }
    printf(" %5.1f | %5.1f |\n", rates[1].unknown[SEEP_VERDICT_SUSPECT] * percent,
           found(rates[1].unknown) * percent);
}

static void print_table(const struct options *options, struct rates (*all)[LENGTHS],
                        bool leaks)
{
    printf("| %s |", leaks ? "with a leak" : "without a leak");
    for (size_t i = 0; i < LENGTHS; i++) {
        printf(" %zu: bounded | suspect | found |", SNAPSHOTS[i]);
    }
    printf(" %zu, ages unknown: suspect | found |\n|---|", SNAPSHOTS[1]);
    for (size_t i = 0; i < 3 * LENGTHS + 2; i++) {
        printf("---|");
    }
    printf("\n");
    for (size_t kind = 0; kind < SERIES_KIND_COUNT; kind++) {
        if (SERIES_KINDS[kind].leaks == leaks) {
            print_row(&SERIES_KINDS[kind], all[kind], options);
        }
    }
}

/* Whether `count` of `runs` is above (below) `part` by more than chance explains. */
static bool above(unsigned count, unsigned runs, double part, double sign)
{
    double spread = sqrt(runs * part * (1 - part));

    return sign * (count - runs * part) > SAMPLING_Z * spread + 1;
}

static bool is_worse(const struct series_kind *kind, const struct rates *rates,
                     unsigned runs, double found_part, double suspect_part)
{
    double both = fmin(found_part + suspect_part, 1);
    unsigned seen = found(rates->known);
    unsigned seen_both = seen + rates->known[SEEP_VERDICT_SUSPECT];

    return above(seen, runs, found_part, kind->leaks ? -1 : 1) ||
           above(seen_both, runs, both, kind->leaks ? -1 : 1);
}

/* Lines of the file: snapshots, percent suspect, percent found, name. Each rate of the
 * table must stand in it. */
static bool check(const struct options *options, struct rates (*all)[LENGTHS])
{
    FILE *file = fopen(options->expected, "r");
    char line[160];
    char name[NAME_MAX_BYTES];
    size_t snapshots = 0;
    size_t checked = 0;
    double suspect = 0;
    double sure = 0;
    bool good = true;

    if (file == NULL) {
        perror(options->expected);
        return false;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "%zu %lf %lf %63[^\n]", &snapshots, &suspect, &sure, name) !=
            4) {
            continue;
        }
        size_t kind = series_kind_named(name);
        size_t at = 0;

        while (at < LENGTHS && SNAPSHOTS[at] != snapshots) {
            at++;
        }
        if (kind == SERIES_KIND_COUNT || at == LENGTHS) {
            printf("%s: no such series: %s", options->expected, line);
            good = false;
            continue;
        }
        checked++;
        if (is_worse(&SERIES_KINDS[kind], &all[kind][at], options->runs, sure / 100,
                     suspect / 100)) {
            printf("WORSE: %s at %zu snapshots: expected %.1f %% suspect, %.1f %% "
                   "found\n",
                   name, snapshots, suspect, sure);
            good = false;
        }
    }
    (void)fclose(file);
    if (checked != SERIES_KIND_COUNT * LENGTHS) {
        printf("%s: %zu rates instead of %zu\n", options->expected, checked,
               SERIES_KIND_COUNT * LENGTHS);
        good = false;
    }
    return good;
}

static bool write_expected(const struct options *options, struct rates (*all)[LENGTHS])
{
    FILE *file = fopen(options->write, "w");
    double percent = 100.0 / options->runs;

    if (file == NULL) {
        perror(options->write);
        return false;
    }
    fprintf(file,
            "# Snapshots, percent suspect, percent probable or definite, series; "
            "of %u runs, seed %llu.\n# Made by stat_growth_rates --write.\n",
            options->runs, (unsigned long long)options->seed);
    for (size_t at = 0; at < LENGTHS; at++) {
        for (size_t kind = 0; kind < SERIES_KIND_COUNT; kind++) {
            const unsigned *known = all[kind][at].known;

            fprintf(file, "%4zu %5.1f %5.1f %s\n", SNAPSHOTS[at],
                    known[SEEP_VERDICT_SUSPECT] * percent, found(known) * percent,
                    SERIES_KINDS[kind].name);
        }
    }
    return fclose(file) == 0;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option NAMES[] = {{"runs", required_argument, NULL, 'r'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"snapshots", required_argument, NULL, 'n'},
                                          {"expected", required_argument, NULL, 'e'},
                                          {"write", required_argument, NULL, 'w'},
                                          {NULL, 0, NULL, 0}};
    int letter = 0;

    while ((letter = getopt_long(argc, argv, "", NAMES, NULL)) != -1) {
        if (letter == 'r') {
            options->runs = (unsigned)strtoul(optarg, NULL, 10);
        } else if (letter == 's') {
            options->seed = strtoull(optarg, NULL, 10);
        } else if (letter == 'n') {
            options->only = strtoul(optarg, NULL, 10);
        } else if (letter == 'e') {
            options->expected = optarg;
        } else if (letter == 'w') {
            options->write = optarg;
        } else {
            return false;
        }
    }
    return options->runs > 0;
}

int main(int argc, char **argv)
{
    struct options options = {.runs = 1000, .seed = 20261127};
    struct rates(*all)[LENGTHS] = calloc(SERIES_KIND_COUNT, sizeof(*all));
    bool good = true;

    if (all == NULL || !read_options(argc, argv, &options)) {
        fputs("usage: stat_growth_rates [--runs N] [--seed S] [--snapshots N] "
              "[--expected FILE] [--write FILE]\n",
              stderr);
        return 2;
    }
    for (size_t kind = 0; kind < SERIES_KIND_COUNT; kind++) {
        for (size_t at = 0; at < LENGTHS; at++) {
            if (options.only == 0 || options.only == SNAPSHOTS[at]) {
                simulate(&options, kind, at, &all[kind][at]);
            }
        }
    }
    print_table(&options, all, false);
    printf("\n");
    print_table(&options, all, true);
    if (options.only == 0) {
        unsigned leaks_found = 0;
        unsigned false_alarms = run_family(&options, &leaks_found);

        printf(
            "\n%d heap sites without a leak at once, %zu snapshots, %d runs: %.2f false "
            "findings a run; a Poisson leak among them found in %u.\n",
            FAMILY, SNAPSHOTS[1], FAMILY_RUNS, (double)false_alarms / FAMILY_RUNS,
            leaks_found);
        good = leaks_found >= FAMILY_FOUND_MIN && false_alarms <= FAMILY_FALSE_MAX;
    }
    if (options.expected != NULL) {
        good = check(&options, all) && good;
    }
    if (options.write != NULL) {
        good = write_expected(&options, all) && good;
    }
    free(all);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
