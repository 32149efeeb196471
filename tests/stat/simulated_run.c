/* From a simulated count to a recording.
 *
 * Individuals are born when the count rises or one is replaced, and released in the
 * run's order, so that counters and ages agree with the count, as the shim would have
 * recorded them. What leaks is never released, whatever the count beside it does. The
 * recording is judged through the analyzer's own window and scan: a simulation of the
 * formulas alone was rejected, since it would not notice a gate that is wired wrongly.
 *
 * SPDX-License-Identifier: MIT
 */
#include "simulated_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/live_scan.h"

enum { HELD_MAX = 16384, BLOCK_BYTES = 64 };

static const uint64_t SECOND_NS = UINT64_C(1000000000);

struct population {
    uint32_t born[2 * HELD_MAX]; /* those held, by birth: [first, end) */
    size_t first, end;
    uint64_t generations; /* of those leaked, a bit each */
    double leaked;
    size_t oldest_leaked;
    struct seep_counters counters;
    double block_bytes; /* of the block that is reallocated; 0: none yet */
    uint32_t block_born;
    enum series_release release;
    uint64_t width; /* of a generation, in snapshots */
};

/* The bit of a birth; beyond the run the last. */
static uint64_t generation_of(const struct population *population, uint32_t born)
{
    uint64_t generation = (born + 1) / population->width;

    return UINT64_C(1) << (generation < 63 ? generation : 63);
}

static void bear(struct population *population, uint32_t now)
{
    if (population->end == 2 * (size_t)HELD_MAX) { /* move them to the front */
        size_t held = population->end - population->first;

        memmove(population->born, population->born + population->first,
                held * sizeof(population->born[0]));
        population->first = 0;
        population->end = held;
    }
    population->born[population->end++] = now;
    population->counters.acquired++;
    population->counters.acquired_bytes += BLOCK_BYTES;
}

static void bury(struct population *population, struct simulated_random *random)
{
    size_t held = population->end - population->first;

    if (population->release == SERIES_OLDEST_FIRST) {
        population->first++;
    } else {
        if (population->release == SERIES_RANDOM) {
            size_t victim = population->first + simulated_next(random) % held;

            population->born[victim] = population->born[population->end - 1];
        }
        population->end--;
    }
    population->counters.released++;
    population->counters.released_bytes += BLOCK_BYTES;
}

static void reallocate(struct population *population, double bytes, uint32_t now)
{
    uint64_t size = (uint64_t)bytes;

    if (size == (uint64_t)population->block_bytes) {
        return;
    }
    population->counters.acquired++;
    population->counters.acquired_bytes += size;
    if (population->block_bytes > 0) {
        population->counters.released++;
        population->counters.released_bytes += (uint64_t)population->block_bytes;
    }
    population->block_bytes = (double)size;
    population->block_born = now;
    population->generations = generation_of(population, now);
}

static void leak(struct population *population, double leaked, uint32_t now)
{
    double more = floor(leaked) - population->leaked;

    if (more <= 0) {
        return;
    }
    if (population->leaked <= 0) {
        population->oldest_leaked = now;
    }
    population->leaked += more;
    population->counters.acquired += (uint64_t)more;
    population->counters.acquired_bytes += (uint64_t)more * BLOCK_BYTES;
    population->generations |= generation_of(population, now);
}

static void follow(struct population *population, struct series_source *source,
                   const struct series_state *state)
{
    uint32_t now = (uint32_t)source->i;
    size_t held = population->end - population->first;
    size_t wanted = state->held < 0 ? 0 : (size_t)lround(state->held);
    size_t replaced = simulated_poisson(&source->random, state->churn);

    leak(population, state->leaked, now);
    if (state->bytes > 0) {
        reallocate(population, state->bytes, now);
        return;
    }
    wanted = wanted < HELD_MAX ? wanted : HELD_MAX;
    replaced = replaced < held && replaced < wanted ? replaced : 0;
    for (size_t left = replaced; left > 0; left--) {
        bury(population, &source->random);
    }
    while (population->end - population->first > wanted) {
        bury(population, &source->random);
    }
    while (population->end - population->first < wanted) {
        bear(population, now);
    }
}

static void read_ages(const struct population *population, struct seep_rec_age *age)
{
    uint32_t oldest = population->block_born;

    if (population->leaked > 0) {
        oldest = (uint32_t)population->oldest_leaked;
    }
    age->live = population->counters.acquired - population->counters.released;
    age->live_bytes =
        population->counters.acquired_bytes - population->counters.released_bytes;
    age->generations = population->generations;
    for (size_t k = population->first; k < population->end; k++) {
        uint32_t born = population->born[k];

        oldest = age->generations == 0 || born < oldest ? born : oldest;
        age->generations |= generation_of(population, born);
    }
    age->oldest_birth_ns = (oldest + 1) * SECOND_NS;
}

static enum series_release order_of(const struct series_kind *kind,
                                    struct simulated_random *random)
{
    static const enum series_release ORDERS[] = {
        SERIES_RANDOM, SERIES_RANDOM, SERIES_OLDEST_FIRST, SERIES_YOUNGEST_FIRST};

    return kind->release != SERIES_ANY_ORDER ? kind->release
                                             : ORDERS[simulated_next(random) % 4];
}

static void *zeroed(size_t count, size_t size_bytes)
{
    void *memory = calloc(count, size_bytes);

    if (memory == NULL) {
        fputs("simulated_run: out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    return memory;
}

void simulated_run_init(struct simulated_run *run, size_t snapshots, size_t sites)
{
    struct seep_recording *recording = &run->recording;

    *run = (struct simulated_run){.capacity = sites + 1};
    run->budget.left_bytes = UINT64_MAX;
    run->pool.budget = &run->budget;
    recording->snapshots = zeroed(snapshots, sizeof(*recording->snapshots));
    recording->snapshot_count = snapshots;
    for (size_t i = 0; i < snapshots; i++) {
        recording->snapshots[i].t_ns = (i + 1) * SECOND_NS;
        recording->snapshots[i].merged = 1;
    }
    recording->ended_ns = snapshots * SECOND_NS;
    recording->sites = zeroed(run->capacity, sizeof(*recording->sites));
    recording->site_count = 1;
    run->ages = zeroed(run->capacity, sizeof(*run->ages));
    run->scan.t_ns = recording->ended_ns;
    run->scan.generation_width_ns = seep_live_generation_width_ns(recording->ended_ns);
}

void simulated_run_fini(struct simulated_run *run)
{
    seep_pool_fini(&run->pool);
    free(run->recording.sites);
    free(run->recording.snapshots);
    free(run->ages);
}

static void start(const struct simulated_run *run, const struct series_kind *kind,
                  uint64_t seed, struct population *population,
                  struct series_source *source)
{
    *source =
        (struct series_source){.random = {seed}, .n = run->recording.snapshot_count};
    population->first = population->end = 0;
    population->generations = 0;
    population->leaked = population->block_bytes = 0;
    population->counters = (struct seep_counters){0};
    population->release = order_of(kind, &source->random);
    population->width = run->scan.generation_width_ns / SECOND_NS;
}

static struct population the_population; /* large, and one at a time */

uint32_t simulated_run_add(struct simulated_run *run, const struct series_kind *kind,
                           uint64_t seed)
{
    uint32_t id = (uint32_t)run->recording.site_count++;
    struct seep_points points = {0};
    struct series_source source;

    start(run, kind, seed, &the_population, &source);
    for (; source.i < source.n; source.i++) {
        struct series_state state = kind->next(&source);

        follow(&the_population, &source, &state);
        if (seep_points_add(&points, &run->pool, (uint32_t)source.i,
                            &the_population.counters) < 0) {
            fputs("simulated_run: out of memory\n", stderr);
            exit(EXIT_FAILURE);
        }
    }
    run->recording.sites[id] =
        (struct seep_rec_site){.kind = (uint8_t)kind->kind, .points = points};
    run->leaked = the_population.leaked;
    run->ages[run->age_count].site = id;
    read_ages(&the_population, &run->ages[run->age_count++]);
    return id;
}

size_t simulated_run_reach(const struct simulated_run *run,
                           const struct series_kind *kind, uint64_t seed, double more,
                           size_t most)
{
    struct series_source source;

    start(run, kind, seed, &the_population, &source);
    for (; source.i < source.n + most; source.i++) {
        struct series_state state = kind->next(&source);

        if (source.i >= source.n && state.leaked >= run->leaked + more) {
            return source.i - source.n + 1;
        }
        follow(&the_population, &source, &state);
    }
    return most;
}

/* The scan of the end. Returns: 0; -ENOMEM. */
static int pack_scan(const struct simulated_run *run, struct seep_pool *pool,
                     struct seep_rec_ages *scan)
{
    struct seep_age_writer writer = {.budget = pool->budget};
    int status = 0;

    *scan = run->scan;
    seep_age_writer_begin(&writer);
    for (size_t i = 0; i < run->age_count && status == 0; i++) {
        status = seep_age_writer_add(&writer, &run->ages[i]);
    }
    if (status == 0) {
        status = seep_age_writer_end(&writer, pool, scan);
    }
    seep_age_writer_fini(&writer);
    return status;
}

void simulated_run_judge(const struct simulated_run *run, enum seep_kind kind,
                         struct seep_growth_sites *found)
{
    const struct seep_window_options all = {.since_s = -1, .until_s = -1};
    struct seep_pool_budget budget = {.left_bytes = UINT64_C(1) << 30};
    struct seep_pool pool = {.budget = &budget};
    struct seep_rec_ages scan;
    struct seep_recording recording = run->recording;
    struct seep_window window = seep_window_choose(&recording, &all);
    struct seep_series series;

    recording.ages = &scan;
    recording.ages_count = 1;
    if (pack_scan(run, &pool, &scan) < 0 || seep_series_new(&recording, &series) < 0 ||
        seep_growth_scan(&recording, &window, kind, &series, found) < 0) {
        fputs("simulated_run: out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    seep_series_free(&series);
    seep_pool_fini(&pool);
}
