/* The rule that turns evidence on one site into a verdict.
 *
 * A chain of gates, each of which knows one way in which healthy programs look like
 * leaking ones:
 * - effect: a few blocks more are not a leak;
 * - significance: noise, corrected for the number of sites looked at;
 * - the end still grows: caches, pools, anything that fills up and stops;
 * - ages: busy sites whose resources come and go have only young survivors;
 * - wandering: counts that drift without a cause, only where something is released.
 * A table that is enlarged by a factor when full takes too few steps for any test; its
 * staircase is told by its shape alone, so it is a suspect and no more.
 * A site that releases next to nothing needs no drift gate: nothing wanders that never
 * comes back. A score that weighs all of them was rejected: nobody can explain a score at
 * night.
 *
 * SPDX-License-Identifier: MIT
 */
#include "verdict/growth_verdict.h"

#include <math.h>

#include "trend/survival.h"

static const double Q_SURE = 0.01; /* where resources also come and go */
static const double END_SHARE_MIN = 0.25;
static const double END_SHARE_FILLING =
    0.45; /* below it, slowing steps mean a cache that fills */
static const double P_DECELERATING = 0.01;
static const double PLATEAU_GAIN_MIN = 6; /* of AICc: e^3 times as likely as a line */
static const double END_PACE_MIN = 0.3;   /* of the approach, at its end */
static const double LAST_SHARE_MIN = 0.02;
static const double P_STOPPED = 0.01;
static const double P_WALK = 0.03;
static const double P_WALK_SURE = 0.01;
static const double P_WALK_LEAST = 1e-12;
static const double INFLOW_STEADY_MAX = 1.25;
static const double GENERATIONS_TO_COMPARE = 8;
static const double SURVIVING_MIN = 0.9;            /* of the generations of the window */
static const double SURVIVING_BY_CHANCE_MAX = 0.25; /* of the same */
static const double DAY_S = 86400;
static const double BLOCK_LEAST_BYTES = 16; /* of any allocator */
static const double PACE_MIN =
    0.6; /* of a steady inflow; 1 step of many may be to come */
static const double PURE_RELEASED_MAX =
    0.5; /* of what was acquired: "released is far behind" */
static const double RELEASES_NONE = 0.1; /* of the same: nothing wanders with so little */

static bool is_pure(const struct seep_growth_case *evidence)
{
    return evidence->released <= PURE_RELEASED_MAX * evidence->acquired;
}

/* The least net rise of the count, and the fewest acquisitions, that matter: one leaked
 * thread, descriptor or timer weighs more than a block. */
static double least_rise(enum seep_kind kind)
{
    static const int least[SEEP_KIND_END] = {
        [SEEP_KIND_HEAP] = SEEP_GROWTH_HEAP_RISE_MIN,
        [SEEP_KIND_THREAD] = SEEP_GROWTH_THREAD_RISE_MIN,
        [SEEP_KIND_FD] = SEEP_GROWTH_FD_RISE_MIN,
        [SEEP_KIND_TIMER] = SEEP_GROWTH_TIMER_RISE_MIN,
        [SEEP_KIND_MAPPING] = SEEP_GROWTH_MAPPING_RISE_MIN,
    };

    return least[kind];
}

/* Whether its bytes are worth a look where the count does not rise. */
static bool has_bytes(enum seep_kind kind)
{
    return kind == SEEP_KIND_HEAP || kind == SEEP_KIND_MAPPING;
}

/* The lower envelope loses up to two of twelve stretches of a steady rise to its blocks.
 */
double seep_growth_least_count(enum seep_kind kind)
{
    return least_rise(kind) * (SEEP_GROWTH_BLOCKS - 2) / SEEP_GROWTH_BLOCKS;
}

double seep_growth_least_bytes(enum seep_kind kind)
{
    return has_bytes(kind) ? SEEP_GROWTH_BYTES_RISE_MIN : INFINITY;
}

static bool count_effect(const struct seep_growth_case *evidence)
{
    return evidence->count.rise >= seep_growth_least_count(evidence->kind) &&
           evidence->count.rise > evidence->noise.count && evidence->count.ups >= 3;
}

static bool bytes_effect(const struct seep_growth_case *evidence)
{
    return has_bytes(evidence->kind) &&
           evidence->bytes.rise >= SEEP_GROWTH_BYTES_RISE_MIN &&
           evidence->bytes.rise > evidence->noise.bytes &&
           evidence->bytes.ups >= SEEP_GROWTH_UPS_MIN;
}

bool seep_growth_testable(enum seep_kind kind, double acquired)
{
    double least = least_rise(kind);

    return acquired >= (least < SEEP_GROWTH_UPS_MIN ? least : SEEP_GROWTH_UPS_MIN);
}

static int measure(const double *y, size_t n, size_t warm, double least,
                   struct seep_growth *out)
{
    if (y == NULL) {
        *out = (struct seep_growth){.p_trend = 1, .p_steps = 1, .p_walk = 1};
        return 0;
    }
    return seep_growth_measure(y, n, warm, least, out);
}

int seep_growth_case_measure(struct seep_growth_case *evidence, const double *live,
                             const double *live_bytes, size_t n, size_t warm)
{
    int status =
        measure(live, n, warm, seep_growth_least_count(evidence->kind), &evidence->count);

    return status < 0
               ? status
               : measure(live_bytes, n, warm, seep_growth_least_bytes(evidence->kind),
                         &evidence->bytes);
}

bool seep_growth_is_staircase(const struct seep_growth_case *evidence)
{
    const struct seep_staircase *stairs = &evidence->stairs;

    return has_bytes(evidence->kind) && !count_effect(evidence) && stairs->downs == 0 &&
           stairs->ups >= SEEP_GROWTH_STAIRS_MIN &&
           stairs->window_ups >= SEEP_GROWTH_STAIRS_WINDOW_MIN &&
           stairs->window_rise >= SEEP_GROWTH_BYTES_RISE_MIN &&
           stairs->window_rise > evidence->noise.bytes && stairs->pace >= PACE_MIN &&
           !stairs->overdue;
}

/* The correction of p_trend for autocorrelation takes slow bends of a line for noise with
 * a long memory, so that p seldom falls below 1e-5: not enough beside thousands of sites.
 * The walk test has no such floor, and holds on noise of any memory. Its number is the
 * geometric mean of two p-values, which times e is one (Vovk, Wang 2020); ten times that
 * adds a tenth to the error of p_trend at most (weighted Bonferroni). Student's tail is
 * not believed below P_WALK_LEAST.
 * Without releases the steps are a fair coin under the null, also on a walk; with them
 * only the tests of trend are heard. */
static double p_of(const struct seep_growth *growth, bool pure)
{
    double walk = 10 * M_E * fmax(growth->p_walk, P_WALK_LEAST);
    double trend = fmin(growth->p_trend, walk);

    return pure ? fmax(trend, growth->p_steps) : trend;
}

double seep_growth_p(const struct seep_growth_case *evidence)
{
    if (count_effect(evidence)) {
        return p_of(&evidence->count, is_pure(evidence));
    }
    return bytes_effect(evidence) ? p_of(&evidence->bytes, false) : 1;
}

/* Nothing more came in the last quarter, though it came often enough before. */
static bool has_stopped(const struct seep_growth *growth)
{
    /* P_STOPPED: the chance that none of so many falls into the last quarter */
    return growth->last_share < LAST_SHARE_MIN &&
           pow(0.75, (double)growth->ups) < P_STOPPED;
}

static bool filled_up(const struct seep_growth *growth, bool pure)
{
    return growth->end_share < END_SHARE_MIN ||
           (growth->end_share < END_SHARE_FILLING &&
            growth->p_decelerating < P_DECELERATING) ||
           (growth->plateau_gain > PLATEAU_GAIN_MIN && growth->end_pace < END_PACE_MIN) ||
           (pure && has_stopped(growth));
}

static bool wanders(const struct seep_growth *growth)
{
    return growth->p_walk > P_WALK;
}

/* How many sampled blocks the rise is made of; beyond all bounds where no block is left
 * out. */
static double samples_of(const struct seep_growth_case *evidence)
{
    const struct seep_growth_noise *noise = &evidence->noise;

    if (count_effect(evidence)) {
        return noise->count_spread > 0 ? evidence->count.rise / noise->count_spread
                                       : INFINITY;
    }
    return noise->bytes_spread > 0 ? evidence->bytes.rise / noise->bytes_spread
                                   : INFINITY;
}

static bool survivors(const struct seep_growth_case *evidence)
{
    size_t possible = evidence->ages.window_possible / 2;
    size_t least = evidence->kind == SEEP_KIND_HEAP ? SEEP_GROWTH_GENERATIONS_HEAP
                                                    : SEEP_GROWTH_GENERATIONS_FEW;

    if (samples_of(evidence) < 2 * (double)least) { /* few samples, few generations */
        least = (size_t)(samples_of(evidence) / 2);
    }
    return evidence->ages.window_generations >= (least < possible ? least : possible) &&
           evidence->ages.early_generations >= 1;
}

/* What it holds is young, though no more is acquired than before: each is held longer and
 * longer (Little's law: live = rate x time held). */
static bool released_ever_later(const struct seep_growth_case *evidence)
{
    return evidence->inflow_ratio > 0 && evidence->inflow_ratio <= INFLOW_STEADY_MAX &&
           evidence->count.p_walk <= P_WALK_SURE;
}

/* Something of nearly every generation lives on, where the site's traffic, as short as it
 * is held on average, would leave old generations empty: swings of the load explain a
 * wandering count, but not these. */
static bool outlives_traffic(const struct seep_growth_case *evidence)
{
    const struct seep_ages *ages = &evidence->ages;
    double possible = (double)ages->window_possible;

    if (!ages->known || possible < GENERATIONS_TO_COMPARE || evidence->acquired <= 0 ||
        (double)ages->window_generations < SURVIVING_MIN * possible) {
        return false;
    }
    double held_s = evidence->count.mean * evidence->window_s / evidence->acquired;

    return seep_survival_expected(held_s, evidence->acquired / possible,
                                  evidence->window_s / possible, ages->window_possible) <=
           SURVIVING_BY_CHANCE_MAX * possible;
}

static enum seep_verdict judge_count(const struct seep_growth_case *evidence)
{
    bool pure = is_pure(evidence);
    bool releases = evidence->released > RELEASES_NONE * evidence->acquired;
    double sure = evidence->kind == SEEP_KIND_THREAD ? SEEP_GROWTH_THREAD_RISE_DEFINITE
                                                     : SEEP_GROWTH_HELD_RISE_DEFINITE;
    bool strong = evidence->kind == SEEP_KIND_HEAP || evidence->count.rise >= sure;

    if (filled_up(&evidence->count, pure)) {
        return SEEP_VERDICT_BOUNDED;
    }
    if (releases && evidence->q_value > Q_SURE) {
        return SEEP_VERDICT_NONE;
    }
    if (releases && wanders(&evidence->count)) {
        return outlives_traffic(evidence) ? SEEP_VERDICT_PROBABLE : SEEP_VERDICT_NONE;
    }
    if (evidence->ages.known && !survivors(evidence)) {
        return !pure && released_ever_later(evidence) ? SEEP_VERDICT_PROBABLE
                                                      : SEEP_VERDICT_NONE;
    }
    if (!evidence->ages.known) {
        return pure ? SEEP_VERDICT_PROBABLE : SEEP_VERDICT_SUSPECT;
    }
    return strong ? SEEP_VERDICT_DEFINITE : SEEP_VERDICT_PROBABLE;
}

/* A block that is reallocated ever larger: no new survivors to count, so never more than
 * probable. */
static enum seep_verdict judge_bytes(const struct seep_growth_case *evidence)
{
    if (filled_up(&evidence->bytes, evidence->bytes.downs == 0)) {
        return SEEP_VERDICT_BOUNDED;
    }
    if (wanders(&evidence->bytes) || evidence->q_value > Q_SURE) {
        return SEEP_VERDICT_NONE;
    }
    return evidence->bytes.downs == 0 ? SEEP_VERDICT_PROBABLE : SEEP_VERDICT_SUSPECT;
}

/* Heap at a pace that no process notices in months. What fills so slowly, a history of an
 * entry each half minute, has not shown its limit in any run that one waits for. */
static bool is_trickle(const struct seep_growth_case *evidence)
{
    double bytes = fmax(evidence->bytes.rise, evidence->count.rise * BLOCK_LEAST_BYTES);

    return evidence->kind == SEEP_KIND_HEAP && evidence->window_s > 0 &&
           bytes / evidence->window_s * DAY_S < SEEP_GROWTH_BYTES_PER_DAY;
}

/* The worst that may be said after so short a window: what a garbage collector, a timeout
 * or a keep-alive holds for some time looks the same. Of threads it is not feared; and
 * what runs into its limit sooner than any of these lets go needs a person, leak or not.
 */
static enum seep_verdict worst_after(const struct seep_growth_case *evidence)
{
    if (samples_of(evidence) < SEEP_GROWTH_SAMPLES_MIN || is_trickle(evidence)) {
        return SEEP_VERDICT_SUSPECT;
    }
    if (evidence->kind == SEEP_KIND_THREAD ||
        evidence->window_s >= SEEP_GROWTH_HEAP_DEFINITE_S) {
        return SEEP_VERDICT_DEFINITE;
    }
    if (evidence->to_limit_s > 0 && evidence->to_limit_s <= SEEP_GROWTH_NEAR_LIMIT_S) {
        return SEEP_VERDICT_PROBABLE;
    }
    return evidence->window_s >= SEEP_GROWTH_HEAP_PROBABLE_S ? SEEP_VERDICT_PROBABLE
                                                             : SEEP_VERDICT_SUSPECT;
}

enum seep_verdict seep_growth_verdict(const struct seep_growth_case *evidence)
{
    enum seep_verdict verdict = SEEP_VERDICT_NONE;
    enum seep_verdict worst = worst_after(evidence);

    bool significant = evidence->q_value <= SEEP_GROWTH_Q_FOUND;

    if (significant && count_effect(evidence)) {
        verdict = judge_count(evidence);
    } else if (significant && bytes_effect(evidence)) {
        verdict = judge_bytes(evidence);
    }
    if (verdict == SEEP_VERDICT_NONE && seep_growth_is_staircase(evidence)) {
        verdict = SEEP_VERDICT_SUSPECT;
    }
    return verdict < worst ? verdict : worst;
}
