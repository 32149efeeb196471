/* The rule that turns evidence on one site into a verdict.
 *
 * A chain of gates, each of which knows one way in which healthy programs look like
 * leaking ones:
 * - effect: a few blocks more are not a leak;
 * - significance: noise, corrected for the number of sites looked at;
 * - the end still grows: caches, pools, anything that fills up and stops;
 * - ages: busy sites whose resources come and go have only young survivors;
 * - wandering: counts that drift without a cause, only where much is released.
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

static const double Q_SURE = 0.01; /* where resources also come and go */
static const double END_SHARE_MIN = 0.25;
static const double END_SHARE_FILLING =
    0.45; /* below it, slowing steps mean a cache that fills */
static const double P_DECELERATING = 0.01;
static const double DRIFT_Z_MIN = 2.0;
static const double PACE_MIN =
    0.6; /* of a steady inflow; 1 step of many may be to come */
static const double PURE_RELEASED_MAX =
    0.5; /* of what was acquired: "released is far behind" */

static bool is_pure(const struct seep_growth_case *evidence)
{
    return evidence->released <= PURE_RELEASED_MAX * evidence->acquired;
}

static bool count_effect(const struct seep_growth_case *evidence)
{
    double least = evidence->kind == SEEP_KIND_THREAD ? SEEP_GROWTH_THREAD_RISE_MIN
                                                      : SEEP_GROWTH_HEAP_RISE_MIN;

    /* The lower envelope loses up to two of twelve stretches of a steady rise to its
     * blocks. */
    return evidence->count.rise >=
               least * (SEEP_GROWTH_BLOCKS - 2) / SEEP_GROWTH_BLOCKS &&
           evidence->count.ups >= 3;
}

static bool bytes_effect(const struct seep_growth_case *evidence)
{
    return evidence->kind == SEEP_KIND_HEAP &&
           evidence->bytes.rise >= SEEP_GROWTH_BYTES_RISE_MIN &&
           evidence->bytes.ups >= SEEP_GROWTH_UPS_MIN;
}

bool seep_growth_testable(enum seep_kind kind, double acquired)
{
    return acquired >= (kind == SEEP_KIND_THREAD ? SEEP_GROWTH_THREAD_RISE_MIN
                                                 : (double)SEEP_GROWTH_UPS_MIN);
}

bool seep_growth_is_staircase(const struct seep_growth_case *evidence)
{
    const struct seep_staircase *stairs = &evidence->stairs;

    return evidence->kind == SEEP_KIND_HEAP && !count_effect(evidence) &&
           stairs->downs == 0 && stairs->ups >= SEEP_GROWTH_STAIRS_MIN &&
           stairs->window_ups >= SEEP_GROWTH_STAIRS_WINDOW_MIN &&
           stairs->window_rise >= SEEP_GROWTH_BYTES_RISE_MIN &&
           stairs->pace >= PACE_MIN && !stairs->overdue;
}

/* Without releases the steps are a fair coin under the null, also on a walk; with them
 * only the lower envelope is heard. */
static double p_of(const struct seep_growth *growth, bool pure)
{
    return pure ? fmax(growth->p_trend, growth->p_steps) : growth->p_trend;
}

double seep_growth_p(const struct seep_growth_case *evidence)
{
    if (count_effect(evidence)) {
        return p_of(&evidence->count, is_pure(evidence));
    }
    return bytes_effect(evidence) ? p_of(&evidence->bytes, false) : 1;
}

static bool filled_up(const struct seep_growth *growth)
{
    return growth->end_share < END_SHARE_MIN || (growth->end_share < END_SHARE_FILLING &&
                                                 growth->p_decelerating < P_DECELERATING);
}

static bool wanders(const struct seep_growth *growth)
{
    return growth->drift_z < DRIFT_Z_MIN || !growth->coarse_rising;
}

static bool survivors(const struct seep_growth_case *evidence)
{
    size_t possible = evidence->ages.window_possible / 2;
    size_t least = evidence->kind == SEEP_KIND_THREAD ? SEEP_GROWTH_GENERATIONS_THREAD
                                                      : SEEP_GROWTH_GENERATIONS_HEAP;

    return evidence->ages.window_generations >= (least < possible ? least : possible) &&
           evidence->ages.early_generations >= 1;
}

static enum seep_verdict judge_count(const struct seep_growth_case *evidence)
{
    bool pure = is_pure(evidence);
    bool strong = evidence->kind == SEEP_KIND_HEAP ||
                  evidence->count.rise >= SEEP_GROWTH_THREAD_RISE_DEFINITE;

    if (filled_up(&evidence->count)) {
        return SEEP_VERDICT_BOUNDED;
    }
    if (evidence->ages.known && !survivors(evidence)) {
        return SEEP_VERDICT_NONE; /* it grew, but nothing of it is old */
    }
    if (!pure && (wanders(&evidence->count) || evidence->q_value > Q_SURE)) {
        return SEEP_VERDICT_NONE;
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
    if (filled_up(&evidence->bytes)) {
        return SEEP_VERDICT_BOUNDED;
    }
    if (wanders(&evidence->bytes) || evidence->q_value > Q_SURE) {
        return SEEP_VERDICT_NONE;
    }
    return evidence->bytes.downs == 0 ? SEEP_VERDICT_PROBABLE : SEEP_VERDICT_SUSPECT;
}

/* The worst that may be said of heap after so short a window. */
static enum seep_verdict worst_after(const struct seep_growth_case *evidence)
{
    if (evidence->kind != SEEP_KIND_HEAP ||
        evidence->window_s >= SEEP_GROWTH_HEAP_DEFINITE_S) {
        return SEEP_VERDICT_DEFINITE;
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
