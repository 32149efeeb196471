/* The kinds of series that simulations judge: what healthy sites do, and what leaks do.
 *
 * Noise has a standard deviation of SIGMA blocks, and a leak of the weakest sort adds 5 %
 * of it at each snapshot. Shapes scale with the length of the run, rates do not.
 *
 * SPDX-License-Identifier: MIT
 */
#include "series_kinds.h"

#include <math.h>
#include <string.h>

#define LEVEL 100.0
static const double SIGMA = 5;
static const double WEAK = 0.05 * 5; /* blocks per snapshot: 5 % of SIGMA */

static double uniform(struct series_source *s)
{
    return simulated_uniform(&s->random);
}

static double normal(struct series_source *s)
{
    return simulated_normal(&s->random);
}

/* Draws once per run, uniform in [low, high). */
static double drawn(struct series_source *s, size_t slot, double low, double high)
{
    if (s->i == 0) {
        s->memory[slot] = low + (high - low) * uniform(s);
    }
    return s->memory[slot];
}

static double part_of_run(const struct series_source *s)
{
    return (double)s->i / (double)s->n;
}

static double autoregressive(struct series_source *s, size_t slot, double phi)
{
    double *x = &s->memory[slot];

    *x = s->i == 0 ? normal(s) : phi * *x + sqrt(1 - phi * phi) * normal(s);
    return LEVEL + SIGMA * *x;
}

static double steady(const struct series_source *s)
{
    return floor(WEAK * (double)s->i);
}

/* ---- without a leak ---- */

static struct series_state white_noise(struct series_source *s)
{
    return (struct series_state){.held = LEVEL + SIGMA * normal(s)};
}

static struct series_state ar_70(struct series_source *s)
{
    return (struct series_state){.held = autoregressive(s, 0, 0.7)};
}

static struct series_state ar_95(struct series_source *s)
{
    return (struct series_state){.held = autoregressive(s, 0, 0.95)};
}

static struct series_state busy_noise(struct series_source *s)
{
    double held = autoregressive(s, 0, 0.7);

    return (struct series_state){.held = held, .churn = 0.1 * held};
}

static struct series_state random_walk(struct series_source *s)
{
    s->memory[0] = s->i == 0 ? 200 : fabs(s->memory[0] + 2 * normal(s));
    return (struct series_state){.held = s->memory[0]};
}

/* Approaches its size with a time constant of a tenth to a third of the run. */
static struct series_state cache_warm_up(struct series_source *s)
{
    double tau = drawn(s, 0, 0.1, 1.0 / 3);

    return (struct series_state){.held = 1000 * (1 - exp(-part_of_run(s) / tau)) +
                                         2 * fabs(normal(s))};
}

/* Fills at a steady pace until it is full, then each new entry evicts the oldest. */
static struct series_state cache_to_cap(struct series_source *s, double full_at)
{
    double held = 600 * fmin(part_of_run(s) / full_at, 1);
    double pace = 600 / full_at / (double)s->n;

    return (struct series_state){.held = held,
                                 .churn = part_of_run(s) >= full_at ? pace : 0};
}

static struct series_state cache_fills_early(struct series_source *s)
{
    return cache_to_cap(s, drawn(s, 0, 0.05, 0.4));
}

static struct series_state cache_fills_late(struct series_source *s)
{
    return cache_to_cap(s, drawn(s, 0, 0.4, 0.75));
}

static struct series_state cache_restarted(struct series_source *s)
{
    double at = drawn(s, 0, 0.2, 0.9);
    double since = part_of_run(s) < at ? part_of_run(s) : part_of_run(s) - at;

    return (struct series_state){.held = 500 * (1 - exp(-since * 15)) + fabs(normal(s))};
}

static struct series_state saw_tooth(struct series_source *s)
{
    double place = floor(drawn(s, 0, 0, 20));

    return (struct series_state){.held = 20 + fmod((double)s->i + place, 20)};
}

/* Garbage grows until it is collected: teeth of uneven height on a floor of survivors. */
static struct series_state garbage_collected(struct series_source *s)
{
    double tooth = (double)s->n * drawn(s, 0, 0.025, 0.15);

    if (s->i == 0 || s->memory[1] <= 0) {
        s->memory[1] = floor(tooth * (0.8 + 0.4 * uniform(s))) + 1; /* to the next one */
        s->memory[2] = 50 + 5 * normal(s);
    }
    s->memory[1] -= 1;
    s->memory[2] += 300 / tooth * (0.5 + uniform(s));
    return (struct series_state){.held = s->memory[2]};
}

static struct series_state one_step(struct series_source *s)
{
    double place = drawn(s, 0, 0, 1);

    return (struct series_state){.held = LEVEL + (part_of_run(s) > place ? 50 : 0) +
                                         SIGMA * normal(s)};
}

/* Clients come in the middle third and stay: a pool after a burst. */
static struct series_state burst_held(struct series_source *s)
{
    double part = fmin(fmax((part_of_run(s) - 0.33) / 0.2, 0), 1);

    return (struct series_state){.held = 50 + 100 * part + normal(s)};
}

/* Load by the time of day; the run sees two to six days. */
static struct series_state daily_cycle(struct series_source *s)
{
    double days = drawn(s, 0, 2, 6);
    double hour = drawn(s, 1, 0, 2 * M_PI);
    double held = 200 * (1 + 0.5 * sin(2 * M_PI * days * part_of_run(s) + hour)) +
                  SIGMA * normal(s);

    return (struct series_state){.held = held, .churn = 0.05 * held};
}

/* Bursts of any size, most small, some huge, that are worked off within seconds. */
static struct series_state lognormal_bursts(struct series_source *s)
{
    s->memory[0] *= 0.6;
    if (uniform(s) < 0.1) {
        s->memory[0] += exp(3 + 1.2 * normal(s));
    }
    return (struct series_state){.held = 30 + s->memory[0]};
}

/* Members are added and retired one at a time, between 20 and 40. */
static struct series_state bounded_pool(struct series_source *s)
{
    double u = uniform(s);

    s->memory[0] =
        s->i == 0 ? floor(20 + 21 * uniform(s)) : s->memory[0] + (u < 0.05) - (u > 0.95);
    s->memory[0] = fmin(fmax(s->memory[0], 20), 40);
    return (struct series_state){.held = s->memory[0]};
}

/* One buffer each of 50 clients, reallocated as the messages are. */
static struct series_state buffers_of_all_sizes(struct series_source *s)
{
    s->memory[0] = 0.9 * s->memory[0] + 0.4 * normal(s);
    return (struct series_state){.held = 1, .bytes = 1e6 * exp(0.3 * s->memory[0])};
}

/* Connections that come and go around a level, as a pool with timeouts has them. */
static struct series_state connections(struct series_source *s)
{
    double gone = simulated_poisson(&s->random, s->memory[0] / 12);

    s->memory[0] =
        s->i == 0 ? 12 : fmax(s->memory[0] - gone + simulated_poisson(&s->random, 1), 0);
    return (struct series_state){.held = s->memory[0]};
}

/* A pool that opens one when all are busy, up to its cap of ten at 40 % of the run. */
static struct series_state pool_to_cap(struct series_source *s)
{
    return (struct series_state){.held = floor(fmin(10 * part_of_run(s) / 0.4, 10))};
}

/* A log file reopened, a directory read: open for a moment now and then. */
static struct series_state now_and_then(struct series_source *s)
{
    return (struct series_state){.held = 3 + (uniform(s) < 0.1) + (uniform(s) < 0.02)};
}

/* Helpers started for a job of half a minute on average. */
static struct series_state worker_threads(struct series_source *s)
{
    double gone = simulated_poisson(&s->random, s->memory[0] / 30);

    s->memory[0] = fmax(s->memory[0] - gone + simulated_poisson(&s->random, 0.2), 0);
    return (struct series_state){.held = s->memory[0]};
}

/* ---- with a leak ---- */

static struct series_state leak_in_white_noise(struct series_source *s)
{
    return (struct series_state){.held = LEVEL + SIGMA * normal(s), .leaked = steady(s)};
}

static struct series_state leak_in_ar_70(struct series_source *s)
{
    return (struct series_state){.held = autoregressive(s, 0, 0.7), .leaked = steady(s)};
}

static struct series_state leak_in_ar_95(struct series_source *s)
{
    return (struct series_state){.held = autoregressive(s, 0, 0.95), .leaked = steady(s)};
}

static struct series_state leak_poisson(struct series_source *s)
{
    s->memory[0] += simulated_poisson(&s->random, WEAK);
    return (struct series_state){.leaked = s->memory[0]};
}

/* One request in 200 forgets a block. */
static struct series_state leak_among_requests(struct series_source *s)
{
    double held = 50 + SIGMA * normal(s);

    s->memory[0] += simulated_poisson(&s->random, 50.0 / 200);
    return (struct series_state){.held = held, .leaked = s->memory[0], .churn = held};
}

/* From 40 to 60 % of the run on, four times as fast as the others. */
static struct series_state leak_from_late_on(struct series_source *s)
{
    double at = floor(drawn(s, 0, 0.4, 0.6) * (double)s->n);

    return (struct series_state){.held = LEVEL + SIGMA * normal(s),
                                 .leaked = floor(4 * WEAK * fmax((double)s->i - at, 0))};
}

/* The cache is a hundred times what leaks in 300 snapshots, and warm after a quarter. */
static struct series_state leak_beside_a_cache(struct series_source *s)
{
    return (struct series_state){.held = 7500 * (1 - exp(-part_of_run(s) * 25)) +
                                         SIGMA * normal(s),
                                 .leaked = steady(s)};
}

/* Each reconnect, every 20 s or so, forgets a session of five blocks. */
static struct series_state leak_on_reconnect(struct series_source *s)
{
    if (s->i == 0 || s->memory[0] <= 0) {
        s->memory[0] = 15 + floor(11 * uniform(s));
        s->memory[1] += 5;
    }
    s->memory[0] -= 1;
    return (struct series_state){.held = 20 + normal(s), .leaked = s->memory[1]};
}

static struct series_state leak_under_a_saw_tooth(struct series_source *s)
{
    struct series_state state = saw_tooth(s);

    state.leaked = steady(s);
    return state;
}

/* A table that takes 100 bytes for each request and is enlarged by half when full. */
static struct series_state growing_container(struct series_source *s)
{
    double need = 1000 * (double)(s->i + 1);

    s->memory[0] = s->i == 0 ? 1024 : s->memory[0];
    while (s->memory[0] < need) {
        s->memory[0] = floor(1.5 * s->memory[0]);
    }
    return (struct series_state){.held = 1, .bytes = s->memory[0]};
}

/* A log kept in one buffer that is made a little larger with each line. */
static struct series_state growing_buffer(struct series_source *s)
{
    s->memory[0] += 4096 * simulated_poisson(&s->random, 0.5);
    return (struct series_state){.held = 1, .bytes = 10000 + s->memory[0]};
}

/* A queue whose reader is slower than its writer: all is released, ever later. */
static struct series_state slow_release(struct series_source *s)
{
    s->memory[0] += simulated_poisson(&s->random, 5);
    s->memory[0] -= fmin(simulated_poisson(&s->random, 4), s->memory[0]);
    return (struct series_state){.held = s->memory[0], .churn = 4};
}

/* Load by the time of day; one operation in a hundred forgets a block. */
static struct series_state leak_per_operation(struct series_source *s)
{
    double days = drawn(s, 0, 2, 6);
    double hour = drawn(s, 1, 0, 2 * M_PI);
    double load = 25 * (1 + 0.5 * sin(2 * M_PI * days * part_of_run(s) + hour));

    s->memory[2] += simulated_poisson(&s->random, load / 100);
    return (struct series_state){
        .held = load + 2 * normal(s), .leaked = s->memory[2], .churn = load};
}

static struct series_state threads_one_by_one(struct series_source *s)
{
    s->memory[0] += simulated_poisson(&s->random, 0.1);
    return (struct series_state){.leaked = s->memory[0]};
}

static struct series_state descriptor_every_20_s(struct series_source *s)
{
    return (struct series_state){.leaked = floor((double)(s->i + 10) / 20)};
}

#define HEALTHY(name, next, kind, release)                                               \
    {                                                                                    \
        name, next, kind, release, false, 0                                              \
    }
#define LEAKING(name, next, kind, release, level)                                        \
    {                                                                                    \
        name, next, kind, release, true, level                                           \
    }

const struct series_kind SERIES_KINDS[] = {
    HEALTHY("white noise", white_noise, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("AR1 0.7", ar_70, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("AR1 0.95", ar_95, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("AR1 0.7, a tenth replaced", busy_noise, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("random walk", random_walk, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("cache warms up", cache_warm_up, SEEP_KIND_HEAP, SERIES_OLDEST_FIRST),
    HEALTHY("cache fills early", cache_fills_early, SEEP_KIND_HEAP, SERIES_OLDEST_FIRST),
    HEALTHY("cache fills late", cache_fills_late, SEEP_KIND_HEAP, SERIES_OLDEST_FIRST),
    HEALTHY("cache restarted", cache_restarted, SEEP_KIND_HEAP, SERIES_OLDEST_FIRST),
    HEALTHY("saw-tooth", saw_tooth, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("garbage collected", garbage_collected, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("one step", one_step, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("burst of clients that stay", burst_held, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("daily cycle", daily_cycle, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("lognormal bursts", lognormal_bursts, SEEP_KIND_HEAP, SERIES_ANY_ORDER),
    HEALTHY("slow drift of a bounded pool", bounded_pool, SEEP_KIND_HEAP,
            SERIES_ANY_ORDER),
    HEALTHY("buffer of all sizes", buffers_of_all_sizes, SEEP_KIND_HEAP,
            SERIES_ANY_ORDER),
    HEALTHY("connections, fd", connections, SEEP_KIND_FD, SERIES_ANY_ORDER),
    HEALTHY("pool fills at 40 %, fd", pool_to_cap, SEEP_KIND_FD, SERIES_ANY_ORDER),
    HEALTHY("opened now and then, fd", now_and_then, SEEP_KIND_FD, SERIES_YOUNGEST_FIRST),
    HEALTHY("workers, thread", worker_threads, SEEP_KIND_THREAD, SERIES_ANY_ORDER),
    LEAKING("steady, white noise", leak_in_white_noise, SEEP_KIND_HEAP, SERIES_ANY_ORDER,
            LEVEL),
    LEAKING("steady, AR1 0.7", leak_in_ar_70, SEEP_KIND_HEAP, SERIES_ANY_ORDER, LEVEL),
    LEAKING("steady, AR1 0.95", leak_in_ar_95, SEEP_KIND_HEAP, SERIES_ANY_ORDER, LEVEL),
    LEAKING("Poisson", leak_poisson, SEEP_KIND_HEAP, SERIES_ANY_ORDER, 0),
    LEAKING("one request of 200", leak_among_requests, SEEP_KIND_HEAP, SERIES_ANY_ORDER,
            50),
    LEAKING("starts late", leak_from_late_on, SEEP_KIND_HEAP, SERIES_ANY_ORDER, LEVEL),
    LEAKING("beside a cache of 100 x", leak_beside_a_cache, SEEP_KIND_HEAP,
            SERIES_OLDEST_FIRST, 7500),
    LEAKING("step on each reconnect", leak_on_reconnect, SEEP_KIND_HEAP, SERIES_ANY_ORDER,
            20),
    LEAKING("saw-tooth with rising floor", leak_under_a_saw_tooth, SEEP_KIND_HEAP,
            SERIES_ANY_ORDER, 29.5),
    LEAKING("growing container", growing_container, SEEP_KIND_HEAP, SERIES_ANY_ORDER, 0),
    LEAKING("growing buffer", growing_buffer, SEEP_KIND_HEAP, SERIES_ANY_ORDER, 0),
    LEAKING("slow release", slow_release, SEEP_KIND_HEAP, SERIES_OLDEST_FIRST, 0),
    LEAKING("per operation, changing load", leak_per_operation, SEEP_KIND_HEAP,
            SERIES_ANY_ORDER, 0),
    LEAKING("one by one, thread", threads_one_by_one, SEEP_KIND_THREAD, SERIES_ANY_ORDER,
            0),
    LEAKING("every 20 s, fd", descriptor_every_20_s, SEEP_KIND_FD, SERIES_ANY_ORDER, 0),
};
const size_t SERIES_KIND_COUNT = sizeof(SERIES_KINDS) / sizeof(SERIES_KINDS[0]);

size_t series_kind_named(const char *name)
{
    size_t kind = 0;

    while (kind < SERIES_KIND_COUNT && strcmp(SERIES_KINDS[kind].name, name) != 0) {
        kind++;
    }
    return kind;
}
