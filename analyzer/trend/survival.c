/* Survival by age.
 *
 * The recording says of each generation whether anything of it is alive, not how much, so
 * the share that is alive is counted over generations. A fit of the lifetimes themselves
 * was rejected: bits of a few dozen generations do not carry it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/survival.h"

#include <math.h>

double seep_survival_expected(double held_s, double per_generation, double width_s,
                              size_t generations)
{
    double alive = 0;

    for (size_t g = 0; g < generations; g++) {
        double age_s = ((double)g + 0.5) * width_s;
        double lives = held_s > 0 ? exp(-age_s / held_s) : 0;

        alive -= expm1(per_generation * log1p(-lives));
    }
    return alive;
}
