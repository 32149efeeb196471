/* The Mann-Kendall test, by plain pair counting: n is at most a few hundred.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/mann_kendall.h"

#include <errno.h>
#include <math.h>

static double upper_tail(double z)
{
    return 0.5 * erfc(z / M_SQRT2);
}

double seep_kendall_variance(const double *y, size_t n)
{
    double count = (double)n;
    double variance = count * (count - 1) * (2 * count + 5);

    for (size_t i = 0; i < n; i++) {
        size_t equal = 0; /* with itself: the size of its group of ties */

        for (size_t j = 0; j < n; j++) {
            equal += y[j] == y[i];
        }
        /* a group's g (g - 1) (2 g + 5), shared among its g members */
        variance -= ((double)equal - 1) * (2 * (double)equal + 5);
    }
    return fmax(variance / 18, 0);
}

int seep_mann_kendall(const double *y, size_t n, struct seep_mann_kendall *out)
{
    double s = 0;

    if (n < 3) {
        return -EINVAL;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            s += (y[j] > y[i]) - (y[j] < y[i]);
        }
    }
    double variance = seep_kendall_variance(y, n);

    *out = (struct seep_mann_kendall){.s = s, .p_rising = 1, .p_falling = 1};
    if (variance > 0) {
        double towards_zero = s - (double)((s > 0) - (s < 0));

        out->z = towards_zero / sqrt(variance);
        out->p_rising = upper_tail(out->z);
        out->p_falling = upper_tail(-out->z);
    }
    return 0;
}
