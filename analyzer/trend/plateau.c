/* Does the end still grow?
 *
 * Two looks, since neither is enough: the share of the rise in the last half catches what
 * has stopped; the test on the steps catches an exponential approach that is still on its
 * way up.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/plateau.h"

#include <errno.h>

#include "trend/mann_kendall.h"

int seep_plateau(const double *minima, size_t n, double *scratch,
                 struct seep_plateau *out)
{
    struct seep_mann_kendall steps;

    if (n < 5) {
        return -EINVAL;
    }
    for (size_t i = 1; i < n; i++) {
        scratch[i - 1] = minima[i] - minima[i - 1];
    }
    (void)seep_mann_kendall(scratch, n - 1, &steps); /* n - 1 >= 4 */
    out->rise = minima[n - 1] - minima[0];
    out->end_share =
        out->rise > 0 ? (minima[n - 1] - minima[(n - 1) / 2]) / out->rise : 0;
    out->p_decelerating = steps.p_falling;
    return 0;
}
