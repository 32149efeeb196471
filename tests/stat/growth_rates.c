/* Simulated false alarms and detections of the growth verdict, with bounds.
 *
 * Each scenario is a count over time; individuals are born and die at random so that
 * counters and ages agree with it, as the shim would have recorded them. Seeded: the same
 * table each time. Prints the table of docs/statistics.md; a rate outside its bounds
 * fails.
 *
 * SPDX-License-Identifier: MIT
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "trend/fdr.h"
#include "verdict/growth_verdict.h"

enum {
    RUNS = 2000,
    SNAPSHOTS_MOST = 600,
    LIVE_MOST = 8192,
    FAMILY = 300,
    FAMILY_RUNS = 40
};

static uint64_t random_state;

static uint64_t next_random(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double uniform(void)
{
    return ((double)(next_random() >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

static unsigned poisson(double mean)
{
    double limit = exp(-mean);
    double product = uniform();
    unsigned n = 0;

    while (product > limit) {
        product *= uniform();
        n++;
    }
    return n;
}

/* What a scenario may use: position of a sample, how many there are, and a memory of its
 * own. */
struct source {
    size_t i, n;
    double memory, place;
};

static double white_noise(struct source *s)
{
    (void)s;
    return 100 + 5 * normal();
}

static double autoregressive(struct source *s, double phi)
{
    s->memory = s->i == 0 ? normal() : phi * s->memory + sqrt(1 - phi * phi) * normal();
    return 100 + 5 * s->memory;
}

static double ar_70(struct source *s)
{
    return autoregressive(s, 0.7);
}

static double ar_95(struct source *s)
{
    return autoregressive(s, 0.95);
}

static double random_walk(struct source *s)
{
    s->memory += s->i == 0 ? 200 : 2 * normal();
    return s->memory;
}

/* Time constant: a fifth, a third of the run. */
static double warm_up_fast(struct source *s)
{
    return 1000 * (1 - exp(-5.0 * (double)s->i / (double)s->n)) + 2 * fabs(normal());
}

static double warm_up_slow(struct source *s)
{
    return 1000 * (1 - exp(-3.0 * (double)s->i / (double)s->n)) + 2 * fabs(normal());
}

static double cache_to_cap(struct source *s)
{
    return 600 * fmin((double)s->i / (double)s->n / 0.6, 1);
}

static double saw_tooth(struct source *s)
{
    s->place = s->i == 0 ? floor(20 * uniform()) : s->place;
    return 20 + fmod((double)s->i + s->place, 20);
}

static double one_step(struct source *s)
{
    s->place = s->i == 0 ? uniform() : s->place;
    return 100 + ((double)s->i > s->place * (double)s->n ? 50 : 0) + 5 * normal();
}

static double burst_held(struct source *s)
{
    /* clients come in the middle third and stay: a pool after a burst */
    double part = (double)s->i / (double)s->n;

    return 50 + 100 * fmin(fmax((part - 0.33) / 0.2, 0), 1) + normal();
}

static double leak_weak(struct source *s)
{
    return 100 + 20 * (double)s->i / (double)s->n + 5 * normal();
}

static double leak_strong(struct source *s)
{
    return 100 + 100 * (double)s->i / (double)s->n + 5 * normal();
}

static double leak_poisson(struct source *s, double per_s)
{
    s->memory += poisson(per_s);
    return s->memory;
}

static double leak_poisson_5s(struct source *s)
{
    return leak_poisson(s, 0.2);
}

static double leak_poisson_1s(struct source *s)
{
    return leak_poisson(s, 1);
}

/* One every five seconds, as a request that comes by the clock leaks it. */
static double leak_regular_5s(struct source *s)
{
    return (double)((s->i + 1) / 5);
}

/* Connections that come and go around a level, as a pool with timeouts has them. */
static double connections(struct source *s)
{
    s->memory = s->i == 0 ? 12 : s->memory + poisson(1) - poisson(s->memory / 12);
    return s->memory > 0 ? s->memory : 0;
}

/* A pool that opens one when all are busy, up to its cap of ten at 40 % of the run. */
static double pool_to_cap(struct source *s)
{
    return floor(fmin(10 * (double)s->i / (double)s->n / 0.4, 10));
}

/* A log file reopened, a directory read: open for a moment now and then. */
static double now_and_then(struct source *s)
{
    (void)s;
    return 3 + (uniform() < 0.1) + (uniform() < 0.02);
}

static double leak_once_a_minute(struct source *s)
{
    return (double)((s->i + 30) / 60);
}

enum { NULL_MODEL = 0, LEAK = 1 };

static const struct scenario {
    const char *name;
    double (*sample)(struct source *source);
    enum seep_kind kind;
    size_t snapshots;
    int truth;
    double found_low, found_high;       /* bounds on suspect or worse, ages known */
    double definite_low, definite_high; /* bounds on definite, ages known */
} SCENARIOS[] = {
    {"white noise", white_noise, SEEP_KIND_HEAP, 120, NULL_MODEL, 0, 0.01, 0, 0.005},
    {"AR1 0.7", ar_70, SEEP_KIND_HEAP, 120, NULL_MODEL, 0, 0.01, 0, 0.005},
    {"AR1 0.95", ar_95, SEEP_KIND_HEAP, 120, NULL_MODEL, 0, 0.02, 0, 0.01},
    {"random walk", random_walk, SEEP_KIND_HEAP, 120, NULL_MODEL, 0, 0.05, 0, 0.03},
    {"cache warm-up, 1/5 of the run", warm_up_fast, SEEP_KIND_HEAP, 120, NULL_MODEL, 0,
     0.005, 0, 0.005},
    {"cache warm-up, 1/3 of the run", warm_up_slow, SEEP_KIND_HEAP, 120, NULL_MODEL, 0,
     0.01, 0, 0.01},
    {"cache fills to cap at 60 %", cache_to_cap, SEEP_KIND_HEAP, 120, NULL_MODEL, 0, 0, 0,
     0},
    {"saw-tooth", saw_tooth, SEEP_KIND_HEAP, 120, NULL_MODEL, 0, 0.01, 0, 0.005},
    {"one step", one_step, SEEP_KIND_HEAP, 120, NULL_MODEL, 0, 0.03, 0, 0.02},
    {"burst of clients that stay", burst_held, SEEP_KIND_HEAP, 120, NULL_MODEL, 0, 0.01,
     0, 0.01},
    {"leak of 4 sigma in noise", leak_weak, SEEP_KIND_HEAP, 120, LEAK, 0, 0.2, 0, 0.2},
    {"leak of 20 sigma in noise", leak_strong, SEEP_KIND_HEAP, 120, LEAK, 0.95, 1, 0.9,
     1},
    {"Poisson leak, 0.2/s, 60 s, threads", leak_poisson_5s, SEEP_KIND_THREAD, 60, LEAK,
     0.7, 1, 0.6, 1},
    {"regular leak, 0.2/s, 60 s, threads", leak_regular_5s, SEEP_KIND_THREAD, 60, LEAK, 1,
     1, 1, 1},
    {"Poisson leak, 0.2/s, 120 s, heap", leak_poisson_5s, SEEP_KIND_HEAP, 120, LEAK, 0.9,
     1, 0.9, 1},
    /* 39 s are judged: probable at most */
    {"Poisson leak, 1/s, 60 s, heap", leak_poisson_1s, SEEP_KIND_HEAP, 60, LEAK, 0.97, 1,
     0, 0},
    {"Poisson leak, 1/s, 300 s, heap", leak_poisson_1s, SEEP_KIND_HEAP, 300, LEAK, 0.99,
     1, 0.99, 1},
    {"connections that come and go, fd", connections, SEEP_KIND_FD, 120, NULL_MODEL, 0,
     0.01, 0, 0.005},
    {"pool fills to its cap at 40 %, fd", pool_to_cap, SEEP_KIND_FD, 120, NULL_MODEL, 0,
     0, 0, 0},
    {"opened now and then, fd", now_and_then, SEEP_KIND_FD, 120, NULL_MODEL, 0, 0.005, 0,
     0.005},
    {"regular leak, 0.2/s, 120 s, fd", leak_regular_5s, SEEP_KIND_FD, 120, LEAK, 1, 1, 1,
     1},
    {"one a minute, 600 s, fd", leak_once_a_minute, SEEP_KIND_FD, 600, LEAK, 1, 1, 1, 1},
};
enum { SCENARIO_COUNT = sizeof(SCENARIOS) / sizeof(SCENARIOS[0]) };

/* The individuals behind a count: born when it rises, a random one dies when it falls. */
struct population {
    size_t born[LIVE_MOST];
    size_t live;
    double acquired, released; /* in the window */
};

static void follow(struct population *population, size_t i, size_t warm, double count)
{
    size_t wanted = count < 0 ? 0 : (size_t)lround(count);

    wanted = wanted < LIVE_MOST ? wanted : LIVE_MOST;
    while (population->live < wanted) {
        population->born[population->live++] = i;
        population->acquired += i > warm;
    }
    while (population->live > wanted) {
        size_t victim = next_random() % population->live;

        population->born[victim] = population->born[--population->live];
        population->released += i > warm;
    }
}

static struct seep_ages ages_of(const struct population *population, size_t n,
                                size_t warm)
{
    struct seep_ages ages = {.known = true, .window_possible = 0};
    size_t width = (n + 63) / 64; /* as the collector: 64 generations at most */
    bool seen[SNAPSHOTS_MOST] = {false};

    for (size_t k = 0; k < population->live; k++) {
        seen[population->born[k] / width] = true;
    }
    ages.window_possible = (n - warm) / width;
    for (size_t g = 0; g * width < n; g++) {
        ages.generations += seen[g];
        ages.window_generations += seen[g] && g * width >= warm;
        ages.early_generations +=
            seen[g] && g * width >= warm && g * width < warm + (n - warm) / 2;
    }
    return ages;
}

/* One simulated site, judged but for its q-value. */
static struct seep_growth_case simulate(const struct scenario *scenario)
{
    static struct population population;
    double live[SNAPSHOTS_MOST] = {0};
    size_t n = scenario->snapshots;
    size_t warm = n / 3;
    struct source source = {.n = n};
    struct seep_growth_case result = {.kind = scenario->kind};

    population = (struct population){.live = 0};
    for (source.i = 0; source.i < n; source.i++) {
        follow(&population, source.i, warm, scenario->sample(&source));
        live[source.i] = (double)population.live;
    }
    (void)seep_growth_measure(live + warm, n - warm, &result.count);
    result.bytes = result.count;
    result.ages = ages_of(&population, n, warm);
    result.window_s = (double)(n - warm - 1);
    result.acquired = population.acquired;
    result.released = population.released;
    return result;
}

static enum seep_verdict judge(struct seep_growth_case evidence, bool ages_known)
{
    evidence.ages.known = ages_known;
    evidence.q_value = seep_growth_testable(evidence.kind, evidence.acquired)
                           ? seep_growth_p(&evidence)
                           : 1;
    return seep_growth_verdict(&evidence);
}

static bool run_scenario(const struct scenario *scenario)
{
    unsigned known[SEEP_VERDICT_DEFINITE + 1] = {0};
    unsigned unknown[SEEP_VERDICT_DEFINITE + 1] = {0};

    random_state = UINT64_C(20261123);
    for (unsigned run = 0; run < RUNS; run++) {
        struct seep_growth_case evidence = simulate(scenario);

        known[judge(evidence, true)]++;
        unknown[judge(evidence, false)]++;
    }
    double definite = (double)known[SEEP_VERDICT_DEFINITE] / RUNS;
    double found =
        definite +
        (double)(known[SEEP_VERDICT_PROBABLE] + known[SEEP_VERDICT_SUSPECT]) / RUNS;
    bool good = found >= scenario->found_low && found <= scenario->found_high &&
                definite >= scenario->definite_low && definite <= scenario->definite_high;
    const double percent = 100.0 / RUNS;

    printf(
        "| %-36s | %5.1f | %5.1f | %5.1f | %5.1f | %5.1f | %5.1f | %5.1f | %5.1f |%s\n",
        scenario->name, known[SEEP_VERDICT_BOUNDED] * percent,
        known[SEEP_VERDICT_SUSPECT] * percent, known[SEEP_VERDICT_PROBABLE] * percent,
        known[SEEP_VERDICT_DEFINITE] * percent, unknown[SEEP_VERDICT_BOUNDED] * percent,
        unknown[SEEP_VERDICT_SUSPECT] * percent, unknown[SEEP_VERDICT_PROBABLE] * percent,
        unknown[SEEP_VERDICT_DEFINITE] * percent, good ? "" : " OUT OF BOUNDS");
    return good;
}

/* A healthy server: FAMILY sites of all null models at once, with the false discovery
 * rate. Returns the number of findings in all runs; leaks_found: of a planted leak of
 * 1/s. */
static unsigned run_family(unsigned *leaks_found)
{
    static struct seep_growth_case cases[FAMILY + 1];
    const struct scenario leak = {
        .sample = leak_poisson_1s, .kind = SEEP_KIND_HEAP, .snapshots = 120};
    unsigned false_alarms = 0;

    random_state = UINT64_C(4711);
    for (unsigned run = 0; run < FAMILY_RUNS; run++) {
        double p[FAMILY + 1];
        double q[FAMILY + 1];
        size_t scratch[FAMILY + 1];

        for (size_t i = 0; i <= FAMILY; i++) {
            cases[i] = simulate(i == FAMILY ? &leak : &SCENARIOS[i % 10]);
            p[i] = seep_growth_p(&cases[i]);
        }
        (void)seep_fdr_q_values(p, FAMILY + 1, FAMILY + 1, scratch, q);
        for (size_t i = 0; i <= FAMILY; i++) {
            cases[i].q_value = q[i];
            bool found = seep_growth_verdict(&cases[i]) >= SEEP_VERDICT_SUSPECT;

            *leaks_found += i == FAMILY && found;
            false_alarms += i < FAMILY && found;
        }
    }
    return false_alarms;
}

int main(void)
{
    bool good = true;
    unsigned leaks_found = 0;
    unsigned false_alarms = 0;

    printf("| %% of %d runs                         | ages known: bounded | suspect | "
           "probable | "
           "definite | ages unknown: bounded | suspect | probable | definite |\n"
           "|---|---|---|---|---|---|---|---|---|\n",
           RUNS);
    for (size_t i = 0; i < SCENARIO_COUNT; i++) {
        good = run_scenario(&SCENARIOS[i]) && good;
    }
    false_alarms = run_family(&leaks_found);
    printf("\n%d sites of the ten null models together, %d runs: %.2f false findings a "
           "run; a leak of "
           "1/s among them found in %u of %d\n",
           FAMILY, FAMILY_RUNS, (double)false_alarms / FAMILY_RUNS, leaks_found,
           FAMILY_RUNS);
    good = good && leaks_found == FAMILY_RUNS && false_alarms <= FAMILY_RUNS;
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
