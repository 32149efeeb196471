/* The Mann-Kendall test, by plain pair counting: n is at most a few hundred.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/mann_kendall.h"

#include <errno.h>
#include <math.h>

#include "trend/pair_count.h"

static double upper_tail(double z)
{
    return 0.5 * erfc(z / M_SQRT2);
}

double seep_kendall_variance(const double *y, size_t n)
{
    double count = (double)n;
    double variance = count * (count - 1) * (2 * count + 5);

    for (size_t i = 0; i < n; i++) {
        /* with itself: the size of its group of ties */
        double equal = (double)seep_count_equal(y, n, y[i]);

        /* a group's g (g - 1) (2 g + 5), shared among its g members */
        variance -= (equal - 1) * (2 * equal + 5);
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
        s += (double)seep_count_above_less_below(y + i + 1, n - i - 1, y[i]);
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
