/* Even thinning, by index: the same rule for times and values, so that pairs stay pairs.
 *
 * SPDX-License-Identifier: MIT
 */
#include "series/thin.h"

size_t seep_thin(const double *from, size_t n, size_t keep, double *to)
{
    size_t kept = n < keep ? n : keep;

    for (size_t i = 0; i < kept; i++) {
        to[i] = n <= keep ? from[i] : from[i * (n - 1) / (keep - 1)];
    }
    return kept;
}
