/* All growth statistics of one series.
 *
 * Two looks at the same rise. The window alone, since what came before may be warm-up:
 * its lower envelope, its end, its steps. And, for the tests of trend, the longest
 * stretch that runs at one pace: half as much again of a steady leak is seen in it, which
 * is what tells a weak one from noise that wanders. Most sites do not rise at all and are
 * done after the first pass. Slopes are left out: they cost O(n^2) and only findings need
 * one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/growth.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>

#include "trend/change_point.h"
#include "trend/envelope.h"
#include "trend/hamed_rao.h"
#include "trend/plateau.h"
#include "trend/saturation.h"
#include "trend/sign_test.h"
#include "trend/walk_test.h"

/* A knee this much better than a line: series that wander bend by chance up to 30. */
static const double KNEE_GAIN_MIN = 40;
static const double KNEE_BEND_MAX = 0.5; /* of the pace before it */
enum { TREND_POINTS = 96, KNEE_POINTS = 60, FIT_POINTS = 32 };

static size_t thinned(const double *y, size_t n, size_t most, double *means)
{
    size_t blocks = n < most ? n : most;

    (void)seep_block_means(y, n, blocks, means); /* blocks <= n */
    return blocks;
}

/* Where the series' own warm-up ends, if it does before `warm`. A change of pace later
 * than that says nothing about the beginning, so the fixed warm-up holds. */
static size_t steady_start(const double *y, size_t n, size_t warm)
{
    double means[KNEE_POINTS];
    size_t blocks = thinned(y, n, KNEE_POINTS, means);
    struct seep_change_point knee = seep_change_point(means, blocks);
    size_t at = knee.at * n / blocks;

    if (knee.gain_bic < KNEE_GAIN_MIN || knee.after > KNEE_BEND_MAX * knee.before) {
        return 0;
    }
    return at < warm ? at : warm;
}

static double p_trend(const double *y, size_t n)
{
    double means[TREND_POINTS];
    struct seep_mann_kendall trend = {.p_rising = 1};

    (void)seep_hamed_rao(means, thinned(y, n, TREND_POINTS, means), &trend);
    return trend.p_rising;
}

static void measure_trend(const double *y, size_t n, size_t warm, struct seep_growth *out)
{
    double means[TREND_POINTS];
    struct seep_walk_test window = seep_walk_test(y + warm, n - warm);

    out->start = steady_start(y, n, warm);
    struct seep_walk_test steady = seep_walk_test(y + out->start, n - out->start);

    out->p_trend =
        fmin(p_trend(y + warm, n - warm), p_trend(y + out->start, n - out->start));
    out->p_trend = fmin(2 * out->p_trend, 1); /* the better of two tests */
    out->p_walk = sqrt(window.p_rising * steady.p_rising);
    struct seep_saturation fit =
        seep_saturation_fit(means, thinned(y + warm, n - warm, FIT_POINTS, means));

    out->plateau_gain = fit.gain_aicc;
    out->end_pace = fit.end_pace;
}

static void measure_end(const double *y, size_t n, struct seep_growth *out)
{
    double means[SEEP_GROWTH_BLOCKS];

    (void)seep_block_means(y, n, SEEP_GROWTH_BLOCKS, means);
    double rise = means[SEEP_GROWTH_BLOCKS - 1] - means[0];

    out->last_share =
        rise > 0 ? (means[SEEP_GROWTH_BLOCKS - 1] - means[SEEP_GROWTH_BLOCKS - 4]) / rise
                 : 0;
}

int seep_growth_measure(const double *y, size_t n, size_t warm, double least,
                        struct seep_growth *out)
{
    double minima[SEEP_GROWTH_BLOCKS];
    double scratch[SEEP_GROWTH_BLOCKS];
    struct seep_plateau plateau;

    if (warm >= n || n - warm < SEEP_GROWTH_POINTS_MIN) {
        return -EINVAL;
    }
    /* None of these can fail: n - warm >= SEEP_GROWTH_POINTS_MIN. */
    (void)seep_envelope_minima(y + warm, n - warm, SEEP_GROWTH_BLOCKS, minima);
    (void)seep_plateau(minima, SEEP_GROWTH_BLOCKS, scratch, &plateau);
    struct seep_sign_test steps = seep_sign_test(y + warm, n - warm);

    double mean = 0;

    (void)seep_block_means(y + warm, n - warm, 1, &mean);
    *out = (struct seep_growth){
        .mean = mean,
        .rise = plateau.rise,
        .p_trend = 1,
        .p_steps = steps.p_rising,
        .p_walk = 1,
        .end_share = plateau.end_share,
        .p_decelerating = plateau.p_decelerating,
        .end_pace = 1,
        .ups = steps.ups,
        .downs = steps.downs,
        .start = warm,
    };
    if (plateau.rise > 0 && plateau.rise >= least) {
        measure_trend(y, n, warm, out);
        measure_end(y + warm, n - warm, out);
    }
    return 0;
}
