/* Theil-Sen slope by full enumeration.
 *
 * Design: callers thin a series to a few hundred points first, so all n(n-1)/2 slopes fit
 * in a scratch array and one sort gives the median and both ends of the interval. The O(n
 * log n) randomised selection was rejected: it would make reports differ between runs.
 *
 * I1: every pair has dt > 0, because t_s rises strictly (checked on entry).
 *
 * SPDX-License-Identifier: MIT
 */
#include "trend/theil_sen.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "trend/mann_kendall.h"

static const double Z_95 = 1.959964; /* two-sided 95 % point of the normal distribution */

static bool rises(const double *t, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (!(t[i] > t[i - 1])) {
            return false;
        }
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The value at 1-based rank `rank` of a sorted array, ranks outside held to its ends. */
static double at_rank(const double *sorted, size_t n, double rank)
{
    double index = fmin(fmax(rank - 1, 0), (double)(n - 1));

    return sorted[(size_t)index];
}

int seep_theil_sen(const double *t_s, const double *y, size_t n, double *scratch,
                   struct seep_slope *out)
{
    size_t pairs = 0;

    if (n < 2 || n > SEEP_THEIL_SEN_POINTS_MAX || !rises(t_s, n)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            scratch[pairs++] = (y[j] - y[i]) / (t_s[j] - t_s[i]); /* I1 */
        }
    }
    qsort(scratch, pairs, sizeof(*scratch), by_value);

    size_t mid = pairs / 2;
    double half_width = Z_95 * sqrt(seep_kendall_variance(y, n));

    out->u_per_s =
        pairs % 2 != 0 ? scratch[mid] : (scratch[mid - 1] + scratch[mid]) / 2.0;
    out->low_u_per_s = at_rank(scratch, pairs, floor(((double)pairs - half_width) / 2));
    out->high_u_per_s =
        at_rank(scratch, pairs, ceil(((double)pairs + half_width) / 2) + 1);
    return 0;
}
