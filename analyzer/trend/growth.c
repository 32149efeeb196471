/* All growth statistics of one series in one pass over the cheap ones.
 *
 * Twelve stretches: enough for a Mann-Kendall p below 1e-5, few enough that a stretch
 * spans several teeth of an ordinary saw-tooth. Slopes are left out: they cost O(n^2) and
 * only findings need one.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/growth.h"

#include <errno.h>

#include "trend/envelope.h"
#include "trend/mann_kendall.h"
#include "trend/plateau.h"
#include "trend/sign_test.h"

int seep_growth_measure(const double *y, size_t n, struct seep_growth *out)
{
    double minima[SEEP_GROWTH_BLOCKS];
    double coarse[SEEP_GROWTH_COARSE_BLOCKS];
    double scratch[SEEP_GROWTH_BLOCKS];
    struct seep_mann_kendall trend;
    struct seep_plateau plateau;

    if (n < SEEP_GROWTH_POINTS_MIN) {
        return -EINVAL;
    }
    /* None of these can fail: n >= SEEP_GROWTH_POINTS_MIN >= both block counts. */
    (void)seep_envelope_minima(y, n, SEEP_GROWTH_BLOCKS, minima);
    (void)seep_envelope_minima(y, n, SEEP_GROWTH_COARSE_BLOCKS, coarse);
    (void)seep_mann_kendall(minima, SEEP_GROWTH_BLOCKS, &trend);
    (void)seep_plateau(minima, SEEP_GROWTH_BLOCKS, scratch, &plateau);

    struct seep_sign_test steps = seep_sign_test(y, n);

    *out = (struct seep_growth){
        .rise = plateau.rise,
        .p_trend = trend.p_rising,
        .p_steps = steps.p_rising,
        .drift_z = seep_drift_z(minima, SEEP_GROWTH_BLOCKS),
        .end_share = plateau.end_share,
        .p_decelerating = plateau.p_decelerating,
        .ups = steps.ups,
        .downs = steps.downs,
        .coarse_rising = seep_rises_strictly(coarse, SEEP_GROWTH_COARSE_BLOCKS),
    };
    return 0;
}
